// Opening a stored key: any one region that holds it is enough, and nothing but the committed key ever comes out.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { DataKey, dataKeyLengths } from '../../../src/domain/keys/data-key.js';
import { encryptionContext } from '../../../src/domain/keys/encryption-context.js';
import { newKeyRecord, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import { settle } from '../../support/manual-clock.js';
import { keyVersion, region } from '../../support/names.js';
import { isWiped, keyOf, randomKey, revealed } from '../../support/sample-keys.js';
import { ScriptedVault } from '../../support/scripted-vault.js';
import { vaultFailures, type VaultFailureKind } from '../../support/vault-failures.js';
import {
  attemptTimeoutMs,
  hedgeAfterMs,
  maxPauseMs,
  ours,
  patience,
  VirtualService,
} from '../../support/virtual-service.js';

const plaintext = randomBytes(32);
const hex = plaintext.toString('hex');

let service: VirtualService;
let record: KeyRecord;
beforeEach(async () => {
  service = new VirtualService();
  record = await service.recordOf('orders/7', plaintext);
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const open = async (what = record, signal = patience()): Promise<unknown> =>
  revealed(await service.unwrapping.open(what, signal)).map(({ region: at, key }) => ({ region: at, key }));
const openInTwoPasses = async (what = record): Promise<unknown> => {
  const opened = open(what);
  await service.clock.advance(maxPauseMs);
  return opened;
};
const openedBy = (at: string): unknown => ok({ region: at, key: hex });
const decryptions = (): readonly number[] => service.vaults.map((vault) => vault.count('decrypt'));
const without = (...names: readonly string[]): KeyRecord => {
  const kept = [...record.ciphertexts].filter(([name]) => !names.includes(name));
  return { ...record, ciphertexts: new Map(kept) };
};

describe('opening a key', () => {
  it('calls only the first region, with the full context of the key', async () => {
    expect(await open()).toEqual(openedBy('eu-central-1'));
    expect(decryptions()).toEqual([1, 0, 0]);
    const { id, version, commitment } = record;
    const context = encryptionContext({ deployment: ours, id, version }, commitment);
    expect(service.vaults[0].calls).toStrictEqual([{ operation: 'decrypt', context }]);
  });

  it.each(dataKeyLengths)('works for keys of %d bytes', async (length) => {
    const bytes = randomBytes(length);
    const key = bytes.toString('hex');
    const made = await service.recordOf('orders/8', bytes);
    expect(await open(made)).toEqual(ok({ region: 'eu-central-1', key }));
  });

  it.each([0, 1, 2])('works while only region %# is alive (I3)', async (alive) => {
    for (const [index, vault] of service.vaults.entries())
      if (index !== alive) vault.fails('region.unavailable');
    expect(await open()).toEqual(openedBy(service.vaults[alive]?.region ?? ''));
  });

  it.each([0, 1, 2])('works while only region %# answers and the others hang (I3)', async (alive) => {
    for (const [index, vault] of service.vaults.entries()) if (index !== alive) vault.fails('hang');
    const opened = open();
    await service.clock.advance(2 * attemptTimeoutMs);
    expect(await opened).toEqual(openedBy(service.vaults[alive]?.region ?? ''));
  });

  it('skips the regions that the record does not name', async () => {
    expect(await open(without('eu-central-1', 'eu-west-1'))).toEqual(openedBy('eu-north-1'));
    expect(decryptions()).toEqual([0, 0, 1]);
  });

  it('ignores a region of the record that is not configured', async () => {
    const retired = new ScriptedVault(region('us-east-1'));
    const withRetired = await service.recordOf('orders/7', plaintext, [retired, ...service.vaults]);
    expect(await open(withRetired)).toEqual(openedBy('eu-central-1'));
  });

  it('reports every attempt once, with its end', async () => {
    service.vaults[0].fails('hang');
    service.vaults[1].script('decrypt', 'wrong-key');
    const opened = open();
    await service.clock.advance(hedgeAfterMs);
    expect(await opened).toEqual(openedBy('eu-north-1'));
    const call = { event: 'vault.call', operation: 'decrypt', keyId: 'orders/7' };
    const failure = { kind: 'ciphertext.mismatched', reason: 'commitment' };
    const lost = { kind: 'region.unavailable', reason: 'hedge-lost' };
    const reports = [
      { ...call, region: 'eu-west-1', durationMs: 0, hedge: true, failure },
      { ...call, region: 'eu-north-1', durationMs: 0 },
      { ...call, region: 'eu-central-1', durationMs: hedgeAfterMs, failure: lost },
    ];
    expect(service.guide.reports).toStrictEqual(reports);
    expect(service.telemetry.events).toStrictEqual(reports);
  });
});

describe('regions that answered, but not with the key', () => {
  const faulty = async (): Promise<unknown> =>
    (await service.unwrapping.open(record, patience())).map((opened) => opened.faulty);

  it('are named beside the key that another one opened', async () => {
    service.vaults[0].script('decrypt', 'ciphertext.rejected');
    service.vaults[1].script('decrypt', 'wrong-key');
    expect(await faulty()).toEqual(ok(['eu-central-1', 'eu-west-1']));
  });

  it('are none when the others were only out of reach', async () => {
    service.vaults[0].script('decrypt', 'region.unavailable');
    service.vaults[1].script('decrypt', 'vault.misconfigured');
    expect(await faulty()).toEqual(ok([]));
  });
});

describe('a region that does not answer', () => {
  it('is joined by the next one, and the key that it opens late is wiped', async () => {
    const [first] = service.vaults;
    first.fails('hold');
    const opened = open();
    await service.clock.advance(hedgeAfterMs);
    expect(await opened).toEqual(openedBy('eu-west-1'));
    first.release();
    await settle();
    expect(first.handedOut.map(isWiped)).toEqual([true]);
    expect(decryptions()).toEqual([1, 1, 0]);
  });

  it('that opens the key in the same moment as another one leaves one key alive: the one that is answered', async () => {
    const [first, second] = service.vaults;
    first.fails('hold');
    second.fails('hold');
    const opened = open();
    await service.clock.advance(hedgeAfterMs);
    for (const vault of [second, first]) vault.release();
    expect(await opened).toEqual(openedBy('eu-west-1'));
    await settle();
    expect([first, second].map(({ handedOut }) => handedOut.map(isWiped))).toEqual([[true], [false]]);
  });
});

describe('a wrong plaintext', () => {
  const padded = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set(plaintext.subarray(0, Math.min(32, length)));
    return bytes;
  };
  const flipped = Uint8Array.from(plaintext, (byte, index) => (index === 31 ? byte ^ 1 : byte));
  const wrongKeys: readonly (readonly [string, () => DataKey])[] = [
    ['random bytes', randomKey],
    ['zeros', () => keyOf(new Uint8Array(32))],
    ['one bit changed', () => keyOf(flipped)],
    ['cut short', () => keyOf(padded(16))],
    ['padded with zeros', () => keyOf(padded(64))],
    ['backwards', () => keyOf(Uint8Array.from(plaintext).reverse())],
  ];

  it.each(wrongKeys)('is never released and is wiped: %s (I4)', async (_, wrongKey) => {
    const [first] = service.vaults;
    first.script('decrypt', 'wrong-key').wrongKey = wrongKey;
    expect(await open()).toEqual(openedBy('eu-west-1'));
    expect(first.handedOut.map(isWiped)).toEqual([true]);
  });

  it.each(wrongKeys)(
    'from every region makes the key unreadable, and all are wiped: %s (I4)',
    async (_, wrongKey) => {
      for (const vault of service.vaults) vault.script('decrypt', 'wrong-key').wrongKey = wrongKey;
      const detail = 'tried eu-central-1, eu-west-1, eu-north-1';
      expect(await open()).toEqual(err({ kind: 'key.unreadable', reason: 'no-copy-opens', detail }));
      expect(service.vaults.flatMap(({ handedOut }) => handedOut).map(isWiped)).toEqual([true, true, true]);
    },
  );

  it('that comes too late is wiped too, like a right one', async () => {
    const [first, second] = service.vaults;
    first.fails('hold');
    const opened = open();
    await service.clock.advance(attemptTimeoutMs);
    first.release();
    await settle();
    expect(await opened).toEqual(openedBy('eu-west-1'));
    expect([first, second].map(({ handedOut }) => handedOut.map(isWiped))).toEqual([[true], [false]]);
  });

  it('is that of another version of the same id (I5)', async () => {
    for (const vault of service.vaults) vault.ignoresContext = true;
    const [one, two] = [
      await service.recordOf('orders/7', plaintext),
      await service.recordOf('orders/7', plaintext, service.vaults, keyVersion(2)),
    ];
    expect(await open({ ...one, commitment: two.commitment })).toMatchObject({
      error: { kind: 'key.unreadable' },
    });
    expect(await open({ ...one, version: keyVersion(2) })).toMatchObject({
      error: { kind: 'key.unreadable' },
    });
    expect(await open({ ...one, id: two.id })).toEqual(openedBy('eu-central-1'));
  });
});

describe.each([
  ['a vault that keeps to the context', false],
  ['a vault that ignores the context', true],
])('with %s', (_, ignoresContext) => {
  it('ciphertexts swapped between two records never open, whichever are swapped (I5)', async () => {
    for (const vault of service.vaults) vault.ignoresContext = ignoresContext;
    const one = await service.recordOf('a', randomBytes(32));
    const two = await service.recordOf('b', randomBytes(32));
    const names = service.vaults.map(({ region: name }) => name);
    for (let choice = 1; choice < 2 ** names.length; choice += 1) {
      const swapped = names.filter((_name, index) => (choice & (1 << index)) !== 0);
      const mixed = [...one.ciphertexts].map(([name, own]) =>
        swapped.includes(name) ? two.ciphertexts.get(name) : own,
      );
      const record = newKeyRecord(
        one,
        mixed.flatMap((ciphertext) => ciphertext ?? []),
      );
      const opened = (await service.unwrapping.open(record, patience())).map(({ region: name }) => name);
      const honest = names.find((name) => !swapped.includes(name));
      const detail = `tried ${names.join(', ')}`;
      expect(opened).toEqual(
        honest === undefined ? err({ kind: 'key.unreadable', reason: 'no-copy-opens', detail }) : ok(honest),
      );
    }
  });

  it('no part of one record taken over into another opens another key (I5)', async () => {
    for (const vault of service.vaults) vault.ignoresContext = ignoresContext;
    const one = await service.recordOf('a', randomBytes(32));
    const two = await service.recordOf('b', randomBytes(32));
    const unreadable = { error: { kind: 'key.unreadable', reason: 'no-copy-opens' } };
    expect(await open({ ...one, ciphertexts: two.ciphertexts })).toMatchObject(unreadable);
    expect(await open({ ...two, id: one.id })).toMatchObject(unreadable);
    expect(await open({ ...one, commitment: two.commitment })).toMatchObject(unreadable);
    expect(await open({ ...two, version: keyVersion(2) })).toMatchObject(unreadable);
    expect(await open({ ...two, id: one.id, commitment: one.commitment })).toMatchObject(unreadable);
  });
});

describe('when no region opens the key', () => {
  const attempts = (...kinds: readonly VaultFailureKind[]): readonly unknown[] =>
    kinds.map((kind, index) => ({ region: service.vaults[index]?.region, failure: vaultFailures[kind] }));
  const failing = (...kinds: readonly VaultFailureKind[]): void => {
    for (const [index, kind] of kinds.entries()) service.vaults[index]?.fails(kind);
  };

  it.each([
    [['vault.misconfigured', 'vault.misconfigured', 'vault.misconfigured']],
    [['ciphertext.rejected', 'credentials.invalid', 'credentials.invalid']],
    [['ciphertext.rejected', 'ciphertext.rejected', 'region.untrusted']],
  ] as const)('because of %j it is regions.exhausted, with the attempts in order', async (kinds) => {
    failing(...kinds);
    expect(await open()).toEqual(err({ kind: 'regions.exhausted', attempts: attempts(...kinds) }));
    expect(decryptions()).toEqual([1, 1, 1]);
  });

  it.each([
    [['region.unavailable', 'region.untrusted', 'region.throttled']],
    [['ciphertext.rejected', 'ciphertext.rejected', 'region.unavailable']],
    [['region.unavailable', 'ciphertext.rejected', 'ciphertext.mismatched']],
    [['credentials.invalid', 'credentials.invalid', 'region.unavailable']],
    [['region.unavailable', 'credentials.invalid', 'credentials.invalid']],
  ] as const)(
    'because of %j, and again of those that may pass, it is regions.exhausted, with the attempts in order',
    async (kinds) => {
      failing(...kinds);
      const passes = kinds.map((kind) => kind === 'region.unavailable' || kind === 'region.throttled');
      const both = [...attempts(...kinds), ...attempts(...kinds).filter((_, index) => passes[index])];
      expect(await openInTwoPasses()).toEqual(err({ kind: 'regions.exhausted', attempts: both }));
      expect(decryptions()).toEqual(passes.map((again) => (again ? 2 : 1)));
    },
  );

  it('in the first pass, the second may still open it', async () => {
    failing('region.unavailable', 'region.throttled', 'ciphertext.rejected');
    service.vaults[1].script('decrypt', 'region.throttled', 'answer');
    expect(await openInTwoPasses()).toEqual(openedBy('eu-west-1'));
    expect(decryptions()).toEqual([2, 2, 1]);
  });

  it('because every copy is at fault, be it that one region said so in the second pass, the key is unreadable', async () => {
    failing('ciphertext.rejected', 'ciphertext.rejected', 'ciphertext.mismatched');
    service.vaults[0].script('decrypt', 'region.unavailable', 'ciphertext.rejected');
    const detail = 'tried eu-central-1, eu-west-1, eu-north-1';
    expect(await openInTwoPasses()).toEqual(err({ kind: 'key.unreadable', reason: 'no-copy-opens', detail }));
    expect(decryptions()).toEqual([2, 1, 1]);
  });

  it('because our credentials are refused everywhere, be it in the second pass, that is said', async () => {
    failing('credentials.invalid', 'credentials.invalid', 'credentials.invalid');
    service.vaults[1].script('decrypt', 'region.throttled', 'credentials.invalid');
    expect(await openInTwoPasses()).toEqual(err({ kind: 'credentials.invalid' }));
  });

  it('and the caller leaves in the pause before the second pass, it is call.aborted', async () => {
    failing('region.unavailable', 'region.unavailable', 'region.unavailable');
    const caller = new AbortController();
    const opened = open(record, caller.signal);
    await service.clock.advance(10);
    caller.abort();
    expect(await opened).toEqual(err({ kind: 'call.aborted' }));
    expect(decryptions()).toEqual([1, 1, 1]);
  });

  it.each([
    [['ciphertext.rejected', 'ciphertext.rejected', 'ciphertext.rejected']],
    [['ciphertext.mismatched', 'ciphertext.mismatched', 'ciphertext.mismatched']],
    [['ciphertext.rejected', 'ciphertext.mismatched', 'ciphertext.rejected']],
  ] as const)('because of %j it is the key that is unreadable', async (kinds) => {
    failing(...kinds);
    const detail = 'tried eu-central-1, eu-west-1, eu-north-1';
    expect(await open()).toEqual(err({ kind: 'key.unreadable', reason: 'no-copy-opens', detail }));
  });

  it('because all refuse our credentials it is the credentials', async () => {
    failing('credentials.invalid', 'credentials.invalid', 'credentials.invalid');
    expect(await open()).toEqual(err({ kind: 'credentials.invalid' }));
  });

  it('because our request is malformed it says so after the first region that does', async () => {
    failing('region.unavailable', 'vault.request-invalid');
    expect(await open()).toEqual(err({ kind: 'vault.request-invalid' }));
    expect(decryptions()).toEqual([1, 1, 0]);
  });

  it('because the only region that holds it is down, the attempts name only that region', async () => {
    failing('region.unavailable');
    const both = [...attempts('region.unavailable'), ...attempts('region.unavailable')];
    expect(await openInTwoPasses(without('eu-west-1', 'eu-north-1'))).toEqual(
      err({ kind: 'regions.exhausted', attempts: both }),
    );
  });

  it('because no configured region holds a copy, it says so without calling any region', async () => {
    const retired = await service.recordOf('orders/7', plaintext, [new ScriptedVault(region('us-east-1'))]);
    const failure = {
      kind: 'key.unreadable',
      reason: 'no-configured-region',
      detail: 'no configured region holds a copy',
    };
    expect(await open(retired)).toEqual(err(failure));
    expect(decryptions()).toEqual([0, 0, 0]);
  });

  it.each(['hang', 'hang-until-aborted'] as const)(
    'because the caller left it is call.aborted (%s)',
    async (step) => {
      failing('region.unavailable');
      service.vaults[1].fails(step);
      const caller = new AbortController();
      const opened = open(record, caller.signal);
      await settle();
      caller.abort();
      expect(await opened).toEqual(err({ kind: 'call.aborted' }));
      expect(service.vaults[1].signals.map(({ aborted }) => aborted)).toEqual([true]);
      expect(decryptions()).toEqual([1, 1, 0]);
    },
  );
});

describe('a selector with regions that hold no ciphertext', () => {
  it('never causes a call there, whatever the order', async () => {
    service.guide.regions = ['us-east-1', 'eu-north-1', 'eu-west-1', 'eu-central-1'].map(region);
    expect(await open(without('eu-north-1'))).toEqual(openedBy('eu-west-1'));
  });
});
