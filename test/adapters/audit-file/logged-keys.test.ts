// What an audit log knows of the keys in the store, over rotations, restarts, several writers, imports and an accepted loss.
import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import type { AuditFile, AuditFileSettings } from '../../../src/adapters/audit-file/audit-file.js';
import { allLoggedKeys, loggedKeys } from '../../../src/adapters/audit-file/logged-keys.js';
import { firstVersion } from '../../../src/domain/ids.js';
import type { AuditEntry } from '../../../src/ports/audit-log.js';
import { auditEntry, openAudit } from '../../support/audit-samples.js';
import { Leftovers } from '../../support/leftovers.js';
import { callerId, keyId } from '../../support/names.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const store = 1_700_000_000_000;
let seconds = 0;
const next = (): number => Date.UTC(2030, 0, 1) + (seconds += 1) * 1_000;
const created = (id: string): AuditEntry =>
  auditEntry({ timeMs: next(), id: keyId(id), outcome: 'created', version: firstVersion, store });
const opened = (id: string): AuditEntry =>
  auditEntry({ timeMs: next(), id: keyId(id), version: firstVersion });
const imported = (id: string, outcome = 'imported'): AuditEntry => ({
  timeMs: next(),
  requestId: 'import',
  caller: callerId('operator'),
  method: 'command-line',
  action: 'key.import',
  id: keyId(id),
  version: firstVersion,
  outcome,
  source: 'table',
  store,
});
const accepted = (latest: readonly string[] = []): AuditEntry => ({
  timeMs: next(),
  requestId: 'recover',
  caller: callerId('operator'),
  method: 'command-line',
  action: 'store.accept-lost',
  outcome: 'done',
  lost: 1,
  latest: latest.map((id) => ({ id, version: 1, time: '2030-01-01T00:00:00.000Z', store })),
});

const newPath = (): string => join(leftovers.folder(), 'audit.jsonl');
const open = (path: string, settings: Partial<AuditFileSettings> = {}): AuditFile =>
  openAudit(leftovers, path, { flush: 'os', ...settings });
async function write(audit: AuditFile, ...entries: readonly AuditEntry[]): Promise<void> {
  for (const entry of entries) expect((await audit.append(entry)).isOk()).toBe(true);
}
const idsOf = async (path: string, read = loggedKeys): Promise<readonly string[]> =>
  (await read(path)).map(({ id }) => id);

describe('the keys that an audit log knows', () => {
  it('are those that were created, the newest last, and none without a log', async () => {
    const path = newPath();
    expect(await idsOf(join(path, 'nowhere', 'audit.jsonl'))).toEqual([]);
    await write(
      open(path),
      created('a'),
      opened('old'),
      auditEntry({ outcome: 'key.not-found' }),
      created('b'),
    );
    expect(await loggedKeys(path)).toEqual([
      { id: 'a', version: 1, time: expect.any(String), store },
      { id: 'b', version: 1, time: expect.any(String), store },
    ]);
  });

  it('are known after any number of rotations and restarts without a further creation', async () => {
    const path = newPath();
    const audit = open(path, { maxBytes: 4_000 });
    await write(audit, created('a'), created('b'));
    await write(audit, ...Array.from({ length: 50 }, (_, at) => opened(`read/${at}`)));
    await audit.close();
    const again = open(path, { maxBytes: 4_000 });
    await write(again, ...Array.from({ length: 50 }, (_, at) => opened(`read/${at}`)));
    expect([await idsOf(path), await idsOf(path, allLoggedKeys)]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('are those of every process, in the order of time', async () => {
    const path = newPath();
    const [one, two] = [open(path), open(path)];
    await write(one, created('a'));
    await write(two, created('b'));
    await write(one, created('c'));
    expect(await idsOf(path)).toEqual(['a', 'b', 'c']);
  });

  it('are those of an import that ended, without those that it did not store', async () => {
    const path = newPath();
    const audit = open(path);
    await write(audit, imported('a'), imported('b'), imported('b', 'regions.below-quorum'));
    expect(await idsOf(path)).toEqual([]);
    await audit.close();
    expect(await idsOf(path)).toEqual(['a']);
  });

  it('are no longer those whose loss an operator accepted, whichever process named them', async () => {
    const path = newPath();
    const [one, two] = [open(path, { maxBytes: 4_000 }), open(path, { maxBytes: 4_000 })];
    await write(one, created('kept'), created('lost'));
    await write(two, accepted(['kept']));
    await write(one, created('new'));
    const reads = Array.from({ length: 50 }, (_, at) => opened(`read/${at}`));
    await write(one, ...reads);
    await write(two, ...reads);
    const expected = ['kept', 'new'];
    expect([await idsOf(path), await idsOf(path, allLoggedKeys)]).toEqual([expected, expected]);
  });
});
