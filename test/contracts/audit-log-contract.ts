// What every audit log promises. How a sink breaks and is mended is the subject's to say.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { parseCallerId, parseKeyId } from '../../src/domain/ids.js';
import type { AuditEntry, AuditLog } from '../../src/ports/audit-log.js';
import { answerOf, assertFails, promisesOf, valid, type ContractPromise, type Subject } from './contract.js';

/** An audit log whose sink can be broken, and looked into. */
export interface BreakableAuditLog extends Subject<AuditLog> {
  /** The request ids of the entries that are kept, in their order. */
  readonly kept: () => Promise<readonly string[]>;
  /** From now on nothing can be kept. */
  readonly breakSink: () => Promise<void>;
  readonly mendSink: () => Promise<void>;
}

const patienceMs = 10_000;

const entry = (requestId: string): AuditEntry => ({
  timeMs: Date.UTC(2030, 0, 1),
  requestId,
  caller: valid(parseCallerId('billing')),
  method: 'token',
  action: 'key.get',
  id: valid(parseKeyId('orders/7')),
  outcome: 'opened',
});

async function untilWorking(log: AuditLog): Promise<void> {
  for (const deadline = performance.now() + patienceMs; !log.isWorking();) {
    await pause(5);
    assert.ok(performance.now() < deadline, 'it never worked again');
  }
}

export const auditLogContract = (make: () => Promise<BreakableAuditLog>): readonly ContractPromise[] =>
  promisesOf(make, {
    'works from the start': ({ subject }) => {
      assert.equal(subject.isWorking(), true);
      return Promise.resolve();
    },
    'has kept an entry by the time it says so': async ({ subject, kept }) => {
      for (const id of ['a', 'b', 'c']) {
        await answerOf(subject.append(entry(id)));
        assert.equal((await kept()).at(-1), id);
      }
    },
    'keeps entries that come at once, each once, in the order of the calls': async ({ subject, kept }) => {
      const ids = Array.from({ length: 200 }, (_, index) => `request-${index}`);
      await Promise.all(ids.map((id) => answerOf(subject.append(entry(id)))));
      assert.deepEqual(await kept(), ids);
    },
    'keeps what is pending before it closes': async ({ subject, kept }) => {
      const appended = ['a', 'b'].map((id) => answerOf(subject.append(entry(id))));
      await subject.close();
      await Promise.all(appended);
      assert.deepEqual(await kept(), ['a', 'b']);
    },
    'refuses entries once it is closed, and may be closed twice': async ({ subject, kept }) => {
      await subject.close();
      await subject.close();
      await assertFails(subject.append(entry('late')), 'audit.unavailable');
      assert.deepEqual(await kept(), []);
    },
    'refuses every entry that it cannot keep, and says that it does not work': async (made) => {
      const { subject, breakSink, mendSink, kept } = made;
      await answerOf(subject.append(entry('before')));
      await breakSink();
      await Promise.all(['a', 'b'].map((id) => assertFails(subject.append(entry(id)), 'audit.unavailable')));
      assert.equal(subject.isWorking(), false);
      await mendSink();
      assert.deepEqual(await kept(), ['before']);
    },
    'works again by itself once the sink does, with nothing appended': async (made) => {
      const { subject, breakSink, mendSink, kept } = made;
      await breakSink();
      await assertFails(subject.append(entry('refused')), 'audit.unavailable');
      await mendSink();
      await untilWorking(subject);
      await answerOf(subject.append(entry('after')));
      assert.deepEqual(await kept(), ['after']);
    },
  });
