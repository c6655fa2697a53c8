// Importing a key: it counts only once the store holds it with the quorum, it never replaces another key, and it can be
// repeated any number of times.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, type Result } from 'neverthrow';
import { ImportKey, type Imported } from '../../../src/application/import/import-key.js';
import { OpenSourceEntry } from '../../../src/application/import/open-source-entry.js';
import { CommitKey } from '../../../src/application/keys/commit-key.js';
import { encryptionContext } from '../../../src/domain/keys/encryption-context.js';
import type { ImportFailure } from '../../../src/domain/failures/key-failures.js';
import { firstVersion } from '../../../src/domain/ids.js';
import type { SourceEntry } from '../../../src/ports/key-source.js';
import { ManualClock } from '../../support/manual-clock.js';
import { callerId, deployment, keyId } from '../../support/names.js';
import { hexOf, isWiped } from '../../support/sample-keys.js';
import { ScriptedSource } from '../../support/scripted-source.js';
import { ours, patience, VirtualService } from '../../support/virtual-service.js';

const plaintext = randomBytes(32);
const author = { caller: callerId('alice'), method: 'command-line', requestId: 'run-1' };
const stockholm = 'eu-north-1';

let service: VirtualService;
let source: ScriptedSource;
beforeEach(async () => {
  service = await new VirtualService().initialise();
  source = new ScriptedSource();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
  const plaintexts = [...source.handedOut, ...service.vaults.flatMap((vault) => vault.handedOut)];
  expect(plaintexts.filter((key) => !isWiped(key))).toEqual([]);
});

type Outcome = Result<Imported, ImportFailure>;

async function importEntry(entry: SourceEntry, dryRun = false): Promise<Outcome> {
  const { clock, audit, storeCalls: store, wrapping } = service;
  const opening = new OpenSourceEntry(source, clock, { attemptTimeoutMs: 800 });
  const committing = new CommitKey(wrapping, store, clock);
  const parts = { source, opening, committing, store, audit, clock, author };
  const regions = service.vaults.map(({ region }) => region);
  const importing = new ImportKey(parts, { deployment: ours, quorum: 2, regions, dryRun });
  const outcome = importing.import(entry, patience());
  await clock.advance(60_000);
  return outcome;
}

const theEntry = (id = 'orders/7'): Promise<SourceEntry> => source.add(id, plaintext, plaintext, plaintext);
const lines = (): readonly unknown[] => service.audit.entries;
const line = (outcome: string): unknown => ({
  ...author,
  timeMs: ManualClock.startMs,
  action: 'key.import',
  id: 'orders/7',
  version: 1,
  source: 'scripted',
  store: 0,
  outcome,
});

describe('importing a key', () => {
  it('encrypts it in every region with the full context, stores it, and audits it', async () => {
    expect(await importEntry(await theEntry())).toEqual(ok({ kind: 'imported', missing: [] }));
    expect(lines()).toEqual([line('imported')]);
    const id = keyId('orders/7');
    const stored = (await service.store.inner.find(id, firstVersion, patience()))._unsafeUnwrap();
    if (stored === undefined) throw new Error('nothing was stored');
    const name = { deployment: ours, id, version: firstVersion };
    const context = encryptionContext(name, stored.commitment);
    for (const vault of service.vaults) {
      const ciphertext = stored.ciphertexts.get(vault.region);
      const opened = ciphertext && (await vault.decrypt(ciphertext, context, patience()))._unsafeUnwrap();
      expect(opened && hexOf(opened)).toBe(plaintext.toString('hex'));
      opened?.wipe();
    }
  });

  it('stores the key that callers then get', async () => {
    await importEntry(await theEntry());
    const served = await service.process().get({ id: keyId('orders/7'), mayCreate: false }, patience());
    expect(served.map(({ key }) => hexOf(key))).toEqual(ok(plaintext.toString('hex')));
    served.map(({ key }) => {
      key.wipe();
    });
  });

  it('with the quorum succeeds, and names the missing region', async () => {
    service.vaults[2].fails('vault.misconfigured');
    expect(await importEntry(await theEntry())).toEqual(ok({ kind: 'imported', missing: [stockholm] }));
  });

  it('below the quorum stores nothing, and a second audit entry corrects the first', async () => {
    service.vaults[1].fails('vault.misconfigured');
    service.vaults[2].fails('vault.misconfigured');
    const outcome = await importEntry(await theEntry());
    expect(outcome).toMatchObject({ error: { kind: 'regions.below-quorum', proven: 1 } });
    expect([service.store.rows.size, lines()]).toEqual([0, [line('imported'), line('regions.below-quorum')]]);
  });

  it('a second time finds it present, and writes nothing', async () => {
    const entry = await theEntry();
    await importEntry(entry);
    service.store.calls.length = 0;
    expect(await importEntry(entry)).toEqual(ok({ kind: 'already-present' }));
    expect([service.store.calls, lines().length]).toEqual([['genesis', 'find'], 1]);
  });

  it('in a dry run opens and compares, and writes nothing', async () => {
    expect(await importEntry(await theEntry(), true)).toEqual(ok({ kind: 'importable' }));
    await service.stored('taken', randomBytes(32));
    const conflict = await importEntry(await theEntry('taken'), true);
    expect(conflict).toEqual(err({ kind: 'key.conflict' }));
    expect([service.store.rows.size, lines()]).toEqual([1, []]);
  });
});

describe('an id that has a key', () => {
  it('that differs keeps it: the entry is a conflict (I1)', async () => {
    const own = await service.stored('orders/7', randomBytes(32));
    expect(await importEntry(await theEntry())).toEqual(err({ kind: 'key.conflict' }));
    const found = await service.store.inner.find(keyId('orders/7'), firstVersion, patience());
    expect([found, lines()]).toEqual([ok(own), []]);
  });

  it('by the time of the write keeps it as well, and a second audit entry says so (I1)', async () => {
    const own = await service.stored('orders/7', randomBytes(32));
    const { inner, instead } = service.store;
    let looks = 0;
    instead.find = (...args) => ((looks += 1) === 1 ? okAsync(undefined) : inner.find(...args));
    expect(await importEntry(await theEntry())).toEqual(err({ kind: 'key.conflict' }));
    const found = await inner.find(keyId('orders/7'), firstVersion, patience());
    expect([found, lines()]).toEqual([ok(own), [line('imported'), line('key.conflict')]]);
  });

  it('from a concurrent import reports it as already present', async () => {
    await service.stored('orders/7', plaintext);
    const { inner, instead } = service.store;
    let looks = 0;
    instead.find = (...args) => ((looks += 1) === 1 ? okAsync(undefined) : inner.find(...args));
    expect(await importEntry(await theEntry())).toEqual(ok({ kind: 'already-present' }));
    expect(lines()).toEqual([line('imported'), line('already-present')]);
  });

  it('from a concurrent import with fewer copies than the quorum does not count as imported', async () => {
    await service.stored('orders/7', plaintext, [service.vaults[0]]);
    const { inner, instead } = service.store;
    let looks = 0;
    instead.find = (...args) => ((looks += 1) === 1 ? okAsync(undefined) : inner.find(...args));
    expect(await importEntry(await theEntry())).toMatchObject({ error: { kind: 'store.outcome-unknown' } });
  });
});

describe('an entry is refused', () => {
  it('when its id is invalid, before any call', async () => {
    const outcome = await importEntry(await theEntry('white space'));
    expect(outcome).toMatchObject({ error: { kind: 'source.id-invalid' } });
    expect([source.handedOut, service.store.calls]).toEqual([[], []]);
  });

  it('when it cannot be read', async () => {
    const failure = { kind: 'source.entry-unreadable', detail: 'keys: no region' } as const;
    expect(await importEntry(source.keep('a', err(failure)))).toEqual(err(failure));
  });

  it('when no copy opens, or when copies differ', async () => {
    const differ = await importEntry(await source.add('a', plaintext, randomBytes(32)));
    expect(differ).toMatchObject({ error: { kind: 'source.copies-differ' } });
    source.vaults[0].script('decrypt', 'ciphertext.rejected');
    const closed = await importEntry(await source.add('b', plaintext));
    expect(closed).toMatchObject({ error: { kind: 'regions.exhausted' } });
    expect([service.store.rows.size, lines()]).toEqual([0, []]);
  });

  it('when the store belongs to another deployment, before a copy is opened (I7)', async () => {
    service = await new VirtualService().initialise(deployment('other'));
    expect(await importEntry(await theEntry())).toMatchObject({ error: { kind: 'store.foreign' } });
    expect([source.handedOut, service.vaultCallCount]).toEqual([[], 0]);
  });

  it('when the store cannot be read, or the audit log cannot be written', async () => {
    service.store.instead.find = () => errAsync({ kind: 'store.throttled' });
    expect(await importEntry(await theEntry())).toEqual(err({ kind: 'store.throttled' }));
    service.store.instead = {};
    service.audit.mode = 'fail';
    expect(await importEntry(await theEntry())).toEqual(err({ kind: 'audit.unavailable' }));
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 0]);
  });

  it('when the audit log does not answer in time, before a key is encrypted', async () => {
    service.audit.mode = 'hold';
    const outcome = await importEntry(await theEntry());
    expect(outcome).toEqual(err({ kind: 'audit.unavailable', cause: 'timed out' }));
    expect([service.vaultCallCount, service.store.rows.size]).toEqual([0, 0]);
  });

  it('when the audit entry cannot be corrected', async () => {
    service.vaults[1].fails('vault.misconfigured');
    service.vaults[2].fails('vault.misconfigured');
    const append = service.audit.append.bind(service.audit);
    service.audit.append = (entry) =>
      entry.outcome === 'imported' ? append(entry) : errAsync({ kind: 'audit.unavailable' });
    expect(await importEntry(await theEntry())).toEqual(err({ kind: 'audit.unavailable' }));
  });
});
