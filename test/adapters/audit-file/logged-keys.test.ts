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
const accepted = (lost: Readonly<Record<string, number>>, latest: readonly string[] = []): AuditEntry => ({
  timeMs: next(),
  requestId: 'recover',
  caller: callerId('operator'),
  method: 'command-line',
  action: 'store.accept-lost',
  outcome: 'done',
  lost: 1,
  accepted: lost,
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

/** As `rkms recover --accept-lost` writes it. */
async function lossOf(path: string, ...ids: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const lost = (await allLoggedKeys(path)).filter(({ id }) => ids.includes(id));
  return Object.fromEntries(lost.map(({ file, seq }) => [file, seq]));
}

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
      { id: 'a', version: 1, time: expect.any(String), store, file: 'audit.jsonl', seq: 3 },
      { id: 'b', version: 1, time: expect.any(String), store, file: 'audit.jsonl', seq: 6 },
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
    await write(two, accepted(await lossOf(path, 'lost'), ['kept']));
    await write(one, created('new'));
    const reads = Array.from({ length: 50 }, (_, at) => opened(`read/${at}`));
    await write(one, ...reads);
    await write(two, ...reads);
    const expected = ['kept', 'new'];
    expect([await idsOf(path), await idsOf(path, allLoggedKeys)]).toEqual([expected, expected]);
  });

  it('are told from an accepted loss by the order of the lines, whatever the clocks said', async () => {
    const path = newPath();
    const aYear = 366 * 86_400_000;
    const dated = (id: string, ms: number): AuditEntry => ({ ...created(id), timeMs: next() + ms });
    const [one, two] = [open(path), open(path)];
    await write(one, dated('lost/ahead', aYear), dated('lost/now', 0));
    const loss = await lossOf(path, 'lost/ahead', 'lost/now');
    await write(one, dated('meanwhile', -aYear));
    await write(two, accepted(loss));
    await write(one, dated('later', 0));
    await write(two, dated('elsewhere', -aYear));
    const expected = ['meanwhile', 'elsewhere', 'later'];
    expect([await idsOf(path), await idsOf(path, allLoggedKeys)]).toEqual([expected, expected]);
  });

  it('come with the newest of every process last, though one had a clock ahead', async () => {
    const path = newPath();
    const [one, two] = [open(path), open(path)];
    for (let n = 0; n < 5; n++) await write(one, { ...created(`ahead/${n}`), timeMs: next() + 1e10 });
    await write(two, created('before'), created('last'));
    expect((await idsOf(path)).slice(-4)).toEqual(['before', 'ahead/3', 'last', 'ahead/4']);
  });
});
