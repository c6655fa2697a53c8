// The contract of every audit log. The subject decides how its storage breaks and how it is repaired.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { parseCallerId, parseKeyId } from '../../src/domain/ids.js';
import type { AuditEntry, AuditLog } from '../../src/ports/audit-log.js';
import { answerOf, assertFails, promisesOf, valid, type ContractPromise, type Subject } from './contract.js';

/** An audit log whose storage can be broken, repaired and read. */
export interface BreakableAuditLog extends Subject<AuditLog> {
  /** The request ids of the stored entries, in their order. */
  readonly stored: () => Promise<readonly string[]>;
  /** From now on no entry can be stored, until `repairStorage`. */
  readonly breakStorage: () => Promise<void>;
  readonly repairStorage: () => Promise<void>;
}

const timeoutMs = 10_000;

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
  for (const deadline = performance.now() + timeoutMs; !log.isWorking();) {
    await pause(5);
    assert.ok(performance.now() < deadline, 'it did not recover');
  }
}

export const auditLogContract = (make: () => Promise<BreakableAuditLog>): readonly ContractPromise[] =>
  promisesOf(make, {
    'works from the start': ({ subject }) => {
      assert.equal(subject.isWorking(), true);
      return Promise.resolve();
    },
    'has stored an entry before it confirms it': async ({ subject, stored }) => {
      for (const id of ['a', 'b', 'c']) {
        await answerOf(subject.append(entry(id)));
        assert.equal((await stored()).at(-1), id);
      }
    },
    'stores concurrent entries, each once, in the order of the calls': async ({ subject, stored }) => {
      const ids = Array.from({ length: 200 }, (_, index) => `request-${index}`);
      await Promise.all(ids.map((id) => answerOf(subject.append(entry(id)))));
      assert.deepEqual(await stored(), ids);
    },
    'stores pending entries before it closes': async ({ subject, stored }) => {
      const appended = ['a', 'b'].map((id) => answerOf(subject.append(entry(id))));
      await subject.close();
      await Promise.all(appended);
      assert.deepEqual(await stored(), ['a', 'b']);
    },
    'refuses entries after close, and can be closed twice': async ({ subject, stored }) => {
      await subject.close();
      await subject.close();
      await assertFails(subject.append(entry('late')), 'audit.unavailable');
      assert.deepEqual(await stored(), []);
    },
    'refuses every entry that it cannot store, and reports that it does not work': async (made) => {
      const { subject, breakStorage, repairStorage, stored } = made;
      await answerOf(subject.append(entry('before')));
      await breakStorage();
      await Promise.all(['a', 'b'].map((id) => assertFails(subject.append(entry(id)), 'audit.unavailable')));
      assert.equal(subject.isWorking(), false);
      await repairStorage();
      assert.deepEqual(await stored(), ['before']);
    },
    'recovers by itself once the storage does, without new entries': async (made) => {
      const { subject, breakStorage, repairStorage, stored } = made;
      await breakStorage();
      await assertFails(subject.append(entry('refused')), 'audit.unavailable');
      await repairStorage();
      await untilWorking(subject);
      await answerOf(subject.append(entry('after')));
      assert.deepEqual(await stored(), ['after']);
    },
  });
