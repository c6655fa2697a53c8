// Repairing a record: missing copies are added, unreadable ones replaced, each proven before it is written, and no copy that
// may be good is lost (I4, I6).
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { errAsync, okAsync } from 'neverthrow';
import type { KeyRepair } from '../../../src/application/maintenance/repair-key.js';
import { encryptionContext } from '../../../src/domain/keys/encryption-context.js';
import { firstVersion, type Region } from '../../../src/domain/ids.js';
import { withCiphertexts, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import type { KeyVault } from '../../../src/ports/key-vault.js';
import { settle } from '../../support/manual-clock.js';
import { keyId, region } from '../../support/names.js';
import { hexOf, isWiped, keyOf } from '../../support/sample-keys.js';
import { ScriptedVault } from '../../support/scripted-vault.js';
import { vaultFailures } from '../../support/vault-failures.js';
import { author, ours, patience, storeTimeoutMs, VirtualService } from '../../support/virtual-service.js';

const plaintext = randomBytes(32);
const hex = plaintext.toString('hex');
const id = keyId('orders/7');

let service: VirtualService;
beforeEach(async () => {
  service = await new VirtualService().initialise();
});

const stored = async (): Promise<KeyRecord> => {
  const found = (await service.store.inner.find(id, firstVersion, patience()))._unsafeUnwrap();
  if (found === undefined) throw new Error('nothing is stored');
  return found;
};
const regionsOf = ({ ciphertexts }: KeyRecord): readonly string[] => [...ciphertexts.keys()];
/** What each vault opens the stored record to. */
const opened = async (vaults: readonly KeyVault[] = service.vaults): Promise<readonly unknown[]> => {
  const record = await stored();
  return Promise.all(
    vaults.map(async (vault) => {
      const kept = [...record.ciphertexts].filter(([at]) => at === vault.region);
      const alone = { ...record, ciphertexts: new Map(kept) };
      return (await service.unwrapping.open(alone, patience()))
        .map(({ key }) => hexOf(key))
        .unwrapOr('closed');
    }),
  );
};
const [frankfurt, dublin, stockholm] = ['eu-central-1', 'eu-west-1', 'eu-north-1'].map(region) as [
  Region,
  Region,
  Region,
];
/** The result of a repair. */
const outcome = ({ added, replaced, dropped, failed, failure }: KeyRepair): unknown => ({
  added,
  replaced,
  dropped,
  failed,
  ...(failure && { failure }),
});
const nothing = { added: [], replaced: [], dropped: [], failed: [] };
const repair = async (record: KeyRecord, choices = {}, signal = patience()): Promise<unknown> =>
  outcome(await service.repairing(choices).repair(record, signal));
const calls = (): readonly (readonly string[])[] =>
  service.vaults.map((vault) => vault.calls.map(({ operation }) => operation));

describe('a record with a missing copy', () => {
  it('gets one, proven by reading it back, and nothing else changes', async () => {
    const [first, second] = service.vaults;
    const before = await service.stored('orders/7', plaintext, [first, second]);
    expect(await repair(before)).toEqual({ ...nothing, added: [stockholm] });
    expect(calls()).toEqual([['decrypt', 'decrypt'], ['decrypt'], ['encrypt', 'decrypt']]);
    const after = await stored();
    expect({ ...after, ciphertexts: [...after.ciphertexts].slice(0, 2) }).toEqual({
      ...before,
      revision: 2,
      ciphertexts: [...before.ciphertexts],
    });
    expect(await opened()).toEqual([hex, hex, hex]);
  });

  it('gets all missing copies in one write', async () => {
    const record = await service.stored('orders/7', plaintext, [service.vaults[1]]);
    expect(await repair(record)).toEqual({ ...nothing, added: [frankfurt, stockholm] });
    expect((await stored()).revision).toBe(2);
    expect(await opened()).toEqual([hex, hex, hex]);
  });

  it('has every plaintext wiped', async () => {
    await repair(await service.stored('orders/7', plaintext, [service.vaults[0]]));
    expect(service.vaults.flatMap(({ handedOut }) => handedOut).every(isWiped)).toBe(true);
  });

  it('is reported to the audit log and to telemetry once', async () => {
    await repair(await service.stored('orders/7', plaintext, service.vaults.slice(0, 2)));
    const change = { id, version: firstVersion, added: [stockholm], replaced: [], dropped: [] };
    const timeMs = service.clock.nowMs();
    expect(service.audit.entries).toEqual([
      { ...author, ...change, timeMs, action: 'key.repair', outcome: 'repaired' },
    ]);
    expect(service.telemetry.milestones).toEqual([{ event: 'key.repaired', ...change }]);
  });

  it('is not written when the audit log does not answer in time', async () => {
    service.audit.mode = 'hold';
    const [first, second] = service.vaults;
    const record = await service.stored('orders/7', plaintext, [first, second]);
    const repaired = repair(record);
    await service.clock.advance(2_000);
    expect(await repaired).toEqual({
      ...nothing,
      failure: { kind: 'audit.unavailable', cause: 'timed out' },
    });
    expect(await stored()).toEqual(record);
  });

  it('is not written without its audit entry', async () => {
    service.audit.mode = 'fail';
    const record = await service.stored('orders/7', plaintext, [service.vaults[0]]);
    expect(await repair(record)).toEqual({ ...nothing, failure: { kind: 'audit.unavailable' } });
    expect(await stored()).toEqual(record);
  });

  it('gets no copy that its region cannot prove, and gets the copies of other regions', async () => {
    service.vaults[1].script('decrypt', 'wrong-key');
    service.vaults[2].script('encrypt', 'answer');
    const record = await service.stored('orders/7', plaintext, [service.vaults[0]]);
    const failure = { kind: 'ciphertext.mismatched', reason: 'read-back' };
    expect(await repair(record)).toEqual({
      ...nothing,
      added: [stockholm],
      failed: [{ region: dublin, failure }],
    });
    expect(regionsOf(await stored())).toEqual([frankfurt, stockholm]);
  });

  it('does not change while the region is down', async () => {
    service.vaults[2].fails('vault.misconfigured');
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    const failed = [{ region: stockholm, failure: vaultFailures['vault.misconfigured'] }];
    expect(await repair(record)).toEqual({ ...nothing, failed });
    expect(await stored()).toEqual(record);
    expect(service.telemetry.milestones).toEqual([
      { event: 'key.repair-failed', id, version: firstVersion, failed },
    ]);
    expect(service.audit.entries).toEqual([]);
  });
});

describe('a complete record', () => {
  it('is opened in every region and not changed', async () => {
    const record = await service.stored('orders/7', plaintext);
    expect(await repair(record)).toEqual(nothing);
    expect(calls()).toEqual([['decrypt'], ['decrypt'], ['decrypt']]);
    expect(service.store.calls).toEqual([]);
    expect([service.audit.entries, service.telemetry.milestones]).toEqual([[], []]);
  });
});

describe('a copy that does not open', () => {
  it.each(['ciphertext.rejected', 'wrong-key'] as const)('(%s) is replaced by a proven one', async (step) => {
    const record = await service.stored('orders/7', plaintext);
    const before = record.ciphertexts.get(dublin)?.bytes;
    service.vaults[1].script('decrypt', step, 'answer');
    expect(await repair(record)).toEqual({ ...nothing, replaced: [dublin] });
    expect((await stored()).ciphertexts.get(dublin)?.bytes).not.toEqual(before);
    expect(await opened()).toEqual([hex, hex, hex]);
  });

  it('is kept while its region cannot prove a new one (I6)', async () => {
    const record = await service.stored('orders/7', plaintext);
    service.vaults[1].script('decrypt', 'ciphertext.rejected');
    const failed = [{ region: dublin, failure: vaultFailures['ciphertext.rejected'] }];
    expect(await repair(record)).toEqual({ ...nothing, failed });
    expect(await stored()).toEqual(record);
  });

  it.each(['region.unavailable', 'region.throttled', 'vault.misconfigured', 'credentials.invalid'] as const)(
    'because of %s is not replaced: it may be good (I6)',
    async (kind) => {
      const record = await service.stored('orders/7', plaintext);
      service.vaults[1].script('decrypt', kind, 'answer');
      const failed = [{ region: dublin, failure: vaultFailures[kind] }];
      expect(await repair(record)).toEqual({ ...nothing, failed });
      expect(await stored()).toEqual(record);
    },
  );

  it('in an ejected region that returned a wrong key is not replaced', async () => {
    const record = await service.stored('orders/7', plaintext);
    service.guide.ejected.add(dublin);
    service.vaults[1].script('decrypt', 'wrong-key', 'answer');
    const failed = [{ region: dublin, failure: { kind: 'ciphertext.mismatched', reason: 'commitment' } }];
    expect(await repair(record)).toEqual({ ...nothing, failed });
    expect(await stored()).toEqual(record);
  });
});

describe('a record of which no copy opens', () => {
  it('is never repaired from a plaintext that fails its commitment (I4)', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    for (const vault of service.vaults) vault.script('decrypt', 'wrong-key');
    const detail = 'tried eu-central-1, eu-west-1';
    const failure = { kind: 'key.unreadable', reason: 'no-copy-opens', detail };
    expect(await repair(record)).toEqual({ ...nothing, failure });
    expect(service.vaults.map((vault) => vault.count('encrypt'))).toEqual([0, 0, 0]);
    expect(await stored()).toEqual(record);
  });

  it('is not reported as lost while regions could not be checked', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.vaults[0].script('decrypt', 'ciphertext.rejected');
    service.vaults[1].script('decrypt', 'region.untrusted');
    const attempts = [
      { region: frankfurt, failure: vaultFailures['ciphertext.rejected'] },
      { region: dublin, failure: vaultFailures['region.untrusted'] },
    ];
    const failed = [{ region: dublin, failure: vaultFailures['region.untrusted'] }];
    expect(await repair(record)).toEqual({
      ...nothing,
      failed,
      failure: { kind: 'regions.exhausted', attempts },
    });
  });

  it('when the repair opens it again does not change', async () => {
    const record = await service.stored('orders/7', plaintext, [service.vaults[0]]);
    service.vaults[0].script('decrypt', 'answer', 'vault.request-invalid');
    expect(await repair(record)).toEqual({ ...nothing, failure: { kind: 'vault.request-invalid' } });
    expect(await stored()).toEqual(record);
  });
});

describe('a record that another process changes during the repair', () => {
  it('is read and checked again, and the other change is kept', async () => {
    const [first, second, third] = service.vaults;
    const stale = await service.stored('orders/7', plaintext, [first]);
    const theirs = (await second.encrypt(...keyAndContext(stale)))._unsafeUnwrap();
    await service.store.inner.addCiphertexts(stale, [theirs], patience());
    expect(await repair(stale)).toEqual({ ...nothing, added: [third.region] });
    expect((await stored()).ciphertexts.get(dublin)).toEqual(theirs);
    expect(await opened()).toEqual([hex, hex, hex]);
    expect(service.audit.entries.map(({ outcome: how }) => how)).toEqual([
      'repaired',
      'store.revision-stale',
      'repaired',
    ]);
  });

  it('is given up after four attempts', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.instead = { addCiphertexts: () => errAsync({ kind: 'store.revision-stale' }) };
    expect(await repair(record)).toEqual({ ...nothing, failure: { kind: 'store.revision-stale' } });
    expect(service.store.calls.filter((call) => call === 'addCiphertexts')).toHaveLength(4);
  });

  it('is not repaired when it cannot be read again', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.instead = {
      addCiphertexts: () => errAsync({ kind: 'store.revision-stale' }),
      find: () => errAsync({ kind: 'store.unavailable' }),
    };
    expect(await repair(record)).toMatchObject({ failure: { kind: 'store.unavailable' } });
    expect(service.store.calls.filter((call) => call === 'addCiphertexts')).toHaveLength(1);
  });

  it('is not repaired when it was removed', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.rows.clear();
    expect(await repair(record)).toEqual({ ...nothing, failure: { kind: 'key.not-found' } });
  });

  it('is not repaired when it now has a newer format', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.rows.set(`${id} 1`, { format: 2 });
    expect(await repair(record)).toMatchObject({
      failure: { kind: 'key.unreadable', reason: 'newer-format' },
    });
  });

  /** The key of the test, and the context of the record. */
  function keyAndContext(record: KeyRecord): Parameters<KeyVault['encrypt']> {
    const context = encryptionContext({ deployment: ours, id, version: firstVersion }, record.commitment);
    return [keyOf(plaintext), context, patience()];
  }
});

describe('a write of unknown outcome', () => {
  it('that took effect counts as done', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.instead = {
      addCiphertexts: (...args) =>
        service.store.inner
          .addCiphertexts(...args)
          .andThen(() => errAsync({ kind: 'store.outcome-unknown' } as const)),
    };
    expect(await repair(record)).toEqual({ ...nothing, added: [stockholm] });
    expect(await opened()).toEqual([hex, hex, hex]);
    expect(service.audit.entries.map(({ outcome: how }) => how)).toEqual(['repaired']);
  });

  it('that took no effect is tried again', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    let writes = 0;
    service.store.instead = {
      addCiphertexts: (...args) => {
        writes += 1;
        return writes === 1
          ? errAsync({ kind: 'store.outcome-unknown' })
          : service.store.inner.addCiphertexts(...args);
      },
    };
    expect(await repair(record)).toEqual({ ...nothing, added: [stockholm] });
    expect(await opened()).toEqual([hex, hex, hex]);
  });

  it('stays unknown when the record cannot be read, and is never reported as done (I8)', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.instead = {
      addCiphertexts: () =>
        okAsync(record).andThen(() => errAsync({ kind: 'store.outcome-unknown' } as const)),
      find: () => errAsync({ kind: 'store.unavailable' }),
    };
    expect(await repair(record)).toEqual({
      ...nothing,
      failure: { kind: 'store.outcome-unknown', cause: { kind: 'store.unavailable' } },
    });
  });

  it('is corrected in the audit log, and a failure of that log is reported', async () => {
    const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
    service.store.instead = {
      addCiphertexts: () => {
        service.audit.mode = 'fail';
        return errAsync({ kind: 'store.throttled' });
      },
    };
    expect(await repair(record)).toEqual({ ...nothing, failure: { kind: 'audit.unavailable' } });
    service.audit.mode = 'keep';
    service.store.instead = { addCiphertexts: () => errAsync({ kind: 'store.throttled' }) };
    expect(await repair(record)).toEqual({ ...nothing, failure: { kind: 'store.throttled' } });
    expect(service.audit.entries.map(({ outcome: how }) => how)).toEqual([
      'repaired',
      'repaired',
      'store.throttled',
    ]);
  });
});

describe('copies of removed regions', () => {
  const retired = new ScriptedVault(region('us-east-1'));
  const drop = { dropRemoved: true };

  it('are ignored unless dropping them is requested', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults]);
    expect(await repair(record)).toEqual(nothing);
    expect(await stored()).toEqual(record);
  });

  it('are dropped when every configured copy is proven', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults]);
    expect(await repair(record, drop)).toEqual({ ...nothing, dropped: [retired.region] });
    expect(regionsOf(await stored())).toEqual([frankfurt, dublin, stockholm]);
    expect(await opened()).toEqual([hex, hex, hex]);
    expect(service.audit.entries).toMatchObject([{ dropped: [retired.region], outcome: 'repaired' }]);
  });

  it('are dropped after the repair that completes the other copies was stored, not before', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults.slice(0, 2)]);
    expect(await repair(record, drop)).toEqual({ ...nothing, added: [stockholm], dropped: [retired.region] });
    expect(service.store.calls).toEqual(['addCiphertexts', 'find', 'dropCiphertexts', 'find']);
    expect(regionsOf(await stored())).toEqual([frankfurt, dublin, stockholm]);
  });

  it.each(['region.unavailable', 'ciphertext.rejected', 'wrong-key'] as const)(
    'stay while one configured copy is not proven (%s)',
    async (step) => {
      const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults]);
      service.vaults[2].script('decrypt', step);
      service.vaults[2].script('encrypt', 'vault.misconfigured');
      expect(await repair(record, drop)).toMatchObject({ dropped: [] });
      expect(await stored()).toEqual(record);
    },
  );

  it('stay while the configured copies are fewer than the quorum', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults]);
    expect(await repair(record, { ...drop, quorum: 4 })).toEqual(nothing);
    expect(await stored()).toEqual(record);
  });

  it('count as dropped when the drop took effect but its outcome was unknown', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults]);
    service.store.instead = {
      dropCiphertexts: (...args) =>
        service.store.inner
          .dropCiphertexts(...args)
          .andThen(() => errAsync({ kind: 'store.outcome-unknown' } as const)),
    };
    expect(await repair(record, drop)).toEqual({ ...nothing, dropped: [retired.region] });
  });

  it('stay when the store reports added copies that it does not hold', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults.slice(0, 2)]);
    service.store.instead = {
      addCiphertexts: (of, added) => okAsync(withCiphertexts(of, added)),
    };
    expect(await repair(record, drop)).toMatchObject({
      added: [],
      dropped: [],
      failure: { kind: 'store.revision-stale' },
    });
    expect(await stored()).toEqual(record);
  });

  it('stay for the next attempt when the record changed between adding and dropping', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults.slice(0, 2)]);
    let additions = 0;
    service.store.instead = {
      addCiphertexts: (...args) => {
        additions += 1;
        const { inner } = service.store;
        const more = (now: KeyRecord) => inner.addCiphertexts(now, args[1], patience());
        return additions === 1
          ? inner.addCiphertexts(...args).andThen((now) => more(now).map(() => now))
          : inner.addCiphertexts(...args);
      },
    };
    expect(await repair(record, drop)).toEqual({ ...nothing, added: [stockholm], dropped: [retired.region] });
    expect((await stored()).revision).toBe(record.revision + 3);
  });

  it('that could not be dropped do not undo added copies', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults.slice(0, 2)]);
    service.store.instead = { dropCiphertexts: () => errAsync({ kind: 'store.throttled' }) };
    expect(await repair(record, drop)).toEqual({
      ...nothing,
      added: [stockholm],
      failure: { kind: 'store.throttled' },
    });
  });

  it('of a record that another process changes are dropped in the next attempt', async () => {
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults.slice(0, 2)]);
    let drops = 0;
    service.store.instead = {
      dropCiphertexts: (...args) => {
        drops += 1;
        return drops === 1
          ? errAsync({ kind: 'store.revision-stale' })
          : service.store.inner.dropCiphertexts(...args);
      },
    };
    expect(await repair(record, drop)).toEqual({ ...nothing, added: [stockholm], dropped: [retired.region] });
    expect(regionsOf(await stored())).toEqual([frankfurt, dublin, stockholm]);
  });
});

describe('a dry run', () => {
  it('reports what would change and changes nothing', async () => {
    const retired = new ScriptedVault(region('us-east-1'));
    const record = await service.stored('orders/7', plaintext, [retired, ...service.vaults.slice(0, 2)]);
    service.vaults[1].script('decrypt', 'ciphertext.rejected');
    expect(await repair(record, { dryRun: true, dropRemoved: true })).toEqual({
      ...nothing,
      added: [stockholm],
      replaced: [dublin],
      dropped: [retired.region],
    });
    expect(service.vaults.map((vault) => vault.count('encrypt'))).toEqual([0, 0, 0]);
    expect([service.store.calls, service.audit.entries, service.telemetry.milestones]).toEqual([[], [], []]);
  });
});

describe('an aborted repair', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'after %d turns begins no further write, and is not reported',
    async (turns) => {
      const record = await service.stored('orders/7', plaintext, service.vaults.slice(0, 2));
      service.vaults[0].script('decrypt', 'hold');
      const controller = new AbortController();
      const repaired = service.repairing().repair(record, controller.signal);
      if (turns > 0) service.vaults[0].release();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      controller.abort();
      const before = service.store.calls.length;
      await service.clock.advance(storeTimeoutMs);
      await repaired;
      await settle();
      expect(service.store.calls).toHaveLength(before);
      expect(service.telemetry.milestones).toEqual([]);
      expect(service.clock.pending).toBe(0);
    },
  );
});

describe('two repairs of one record at once', () => {
  it('end with a complete record, whichever writes first', async () => {
    const record = await service.stored('orders/7', plaintext, [service.vaults[1]]);
    const outcomes = await Promise.all([repair(record), repair(record)]);
    expect(outcomes).toContainEqual({ ...nothing, added: [frankfurt, stockholm] });
    expect(outcomes).toContainEqual(nothing);
    expect(await opened()).toEqual([hex, hex, hex]);
  });
});
