// Canaries: opening a key that protects nothing proves that a region works, and that it answers with what was put in.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import { Canaries } from '../../../src/application/regions/canaries.js';
import type { VaultFailure } from '../../../src/domain/failures/region-failures.js';
import { settle } from '../../support/manual-clock.js';
import { region } from '../../support/names.js';
import { isWiped } from '../../support/sample-keys.js';
import { threeRegions, type ScriptedOperation, type ThreeVaults } from '../../support/scripted-vault.js';
import { vaultFailureKinds, vaultFailures } from '../../support/vault-failures.js';
import { ours } from '../../support/virtual-service.js';

const well = [undefined];
const context = { 'rkms:deployment': ours, 'rkms:id': '_rkms/canary', 'rkms:version': '1' };

let vaults: ThreeVaults;
let canaries: Canaries;
beforeEach(() => {
  vaults = threeRegions();
  canaries = new Canaries(vaults, ours);
});

/** Probes the first region until it is done or the test unsubscribes; keeps what is emitted. */
function watch(at = vaults[0].region): {
  readonly emitted: (VaultFailure | undefined)[];
  readonly ends: unknown[];
  readonly subscription: Subscription;
} {
  const emitted: (VaultFailure | undefined)[] = [];
  const ends: unknown[] = [];
  const subscription = canaries.probe(at).subscribe({
    next: (failure) => emitted.push(failure),
    error: (bug: unknown) => ends.push(bug),
    complete: () => ends.push('complete'),
  });
  return { emitted, ends, subscription };
}
async function probe(at = vaults[0].region): Promise<readonly (VaultFailure | undefined)[]> {
  const { emitted, ends } = watch(at);
  await settle();
  expect(ends).toStrictEqual(['complete']);
  return emitted;
}
const operations = (index = 0): readonly ScriptedOperation[] =>
  vaults[index]?.calls.map(({ operation }) => operation) ?? [];

describe('the first probe of a region', () => {
  it('plants its canary and opens it', async () => {
    expect(await probe()).toStrictEqual(well);
    expect(operations()).toStrictEqual(['generateDataKey', 'encrypt', 'decrypt']);
  });

  it('binds it to a name that no caller can ask for, and to this deployment', async () => {
    await probe();
    expect(vaults[0].calls.map((call) => call.context)).toStrictEqual([context, context, context]);
  });

  it('asks no other region', async () => {
    await probe(vaults[1].region);
    expect([operations(0), operations(1).length, operations(2)]).toStrictEqual([[], 3, []]);
  });

  it.each(['generateDataKey', 'encrypt', 'decrypt'] as const)(
    'fails with the failure of %s, whatever it is, and keeps no key of a canary that was not made',
    async (operation) => {
      for (const kind of vaultFailureKinds) {
        vaults = threeRegions();
        canaries = new Canaries(vaults, ours);
        vaults[0].script(operation, kind, 'answer');
        expect(await probe()).toStrictEqual([vaultFailures[kind]]);
        if (operation !== 'decrypt')
          expect(vaults[0].handedOut.map(isWiped)).toStrictEqual(vaults[0].handedOut.map(() => true));
        expect(await probe()).toStrictEqual(well);
      }
    },
  );

  it.each(['generateDataKey', 'encrypt'] as const)(
    'asks about the KMS key instead where we may not call %s, as a process that only reads',
    async (operation) => {
      vaults[0].denies(operation);
      expect(await probe()).toStrictEqual(well);
      expect(operations().at(-1)).toBe('probe');
      expect(vaults[0].handedOut.map(isWiped)).toStrictEqual(vaults[0].handedOut.map(() => true));
      vaults[0].script('probe', 'region.unavailable');
      expect(await probe()).toStrictEqual([vaultFailures['region.unavailable']]);
    },
  );

  it('fails when we may not decrypt', async () => {
    vaults[0].denies('decrypt');
    expect(await probe()).toStrictEqual([{ kind: 'vault.misconfigured', reason: 'access-denied' }]);
    expect(operations()).toStrictEqual(['generateDataKey', 'encrypt', 'decrypt']);
  });

  it('fails when the region decrypts to another key', async () => {
    vaults[0].script('decrypt', 'wrong-key');
    expect(await probe()).toStrictEqual([{ kind: 'ciphertext.mismatched', reason: 'read-back' }]);
  });
});

describe('every later probe of a region', () => {
  beforeEach(async () => {
    await probe();
    vaults[0].calls.length = 0;
  });

  it('opens the canary that is there, and makes nothing', async () => {
    expect([await probe(), await probe()]).toStrictEqual([well, well]);
    expect(operations()).toStrictEqual(['decrypt', 'decrypt']);
  });

  it('wipes what it opened, right or wrong, and keeps the canary', async () => {
    vaults[0].script('decrypt', 'answer', 'wrong-key', 'answer');
    expect([await probe(), await probe(), await probe()]).toStrictEqual([
      well,
      [{ kind: 'ciphertext.mismatched', reason: 'read-back' }],
      well,
    ]);
    expect(vaults[0].handedOut.map(isWiped)).toStrictEqual([true, true, true, true, true]);
    expect(operations()).toStrictEqual(['decrypt', 'decrypt', 'decrypt']);
  });

  it.each(vaultFailureKinds.filter((kind) => kind !== 'ciphertext.rejected'))(
    'that fails with %s says so and leaves the canary for the next one',
    async (kind) => {
      vaults[0].script('decrypt', kind, 'answer');
      expect([await probe(), await probe()]).toStrictEqual([[vaultFailures[kind]], well]);
      expect(operations()).toStrictEqual(['decrypt', 'decrypt']);
    },
  );

  it('that finds its canary rejected says so; its key is wiped, and the next one plants another', async () => {
    vaults[0].script('decrypt', 'ciphertext.rejected', 'answer');
    expect(await probe()).toStrictEqual([vaultFailures['ciphertext.rejected']]);
    expect(vaults[0].handedOut.map(isWiped)).toStrictEqual([true, true]);
    expect(await probe()).toStrictEqual(well);
    expect(operations()).toStrictEqual(['decrypt', 'generateDataKey', 'encrypt', 'decrypt']);
  });

  it('finds the canary of its own region: each has its own', async () => {
    await probe(vaults[1].region);
    expect(await probe(vaults[1].region)).toStrictEqual(well);
    expect(operations(1)).toStrictEqual(['generateDataKey', 'encrypt', 'decrypt', 'decrypt']);
    expect(operations(0)).toStrictEqual([]);
  });
});

describe('a probe whose result is no longer needed', () => {
  it.each(['generateDataKey', 'encrypt', 'decrypt'] as const)(
    'is aborted, and says nothing (%s)',
    async (operation) => {
      vaults[0].script(operation, 'hang-until-aborted');
      const { emitted, ends, subscription } = watch();
      await settle();
      expect(vaults[0].signals.at(-1)?.aborted).toBe(false);
      subscription.unsubscribe();
      await settle();
      expect(vaults[0].signals.at(-1)?.aborted).toBe(true);
      expect([emitted, ends]).toStrictEqual([[], []]);
      expect(operations().at(-1)).toBe(operation);
    },
  );

  it('wipes what the region opens all the same', async () => {
    await probe();
    vaults[0].script('decrypt', 'hold');
    const { emitted, subscription } = watch();
    await settle();
    subscription.unsubscribe();
    vaults[0].release();
    await settle();
    expect(emitted).toStrictEqual([]);
    expect(vaults[0].handedOut.map(isWiped)).toStrictEqual([true, true, true]);
  });

  it('wipes what the region opens all the same when its canary is given up meanwhile', async () => {
    await probe();
    vaults[0].script('decrypt', 'hold', 'ciphertext.rejected');
    const { subscription } = watch();
    await settle();
    subscription.unsubscribe();
    expect(await probe()).toStrictEqual([vaultFailures['ciphertext.rejected']]);
    vaults[0].release();
    await settle();
    expect(vaults[0].handedOut.map(isWiped)).toStrictEqual([true, true, true]);
  });

  it('does not give up the canary that another probe has planted meanwhile', async () => {
    vaults[0].script('decrypt', 'ciphertext.rejected', 'answer');
    const both = [watch(), watch()];
    await settle();
    expect(both.map(({ emitted }) => emitted)).toStrictEqual([
      [vaultFailures['ciphertext.rejected']],
      [undefined],
    ]);
    vaults[0].calls.length = 0;
    expect(await probe()).toStrictEqual(well);
    expect(operations()).toStrictEqual(['decrypt']);
  });

  it('leaves nothing behind of a canary that it could not plant', async () => {
    vaults[0].script('generateDataKey', 'hold');
    const { subscription } = watch();
    await settle();
    subscription.unsubscribe();
    vaults[0].release();
    await settle();
    expect(vaults[0].handedOut.map(isWiped)).toStrictEqual([true]);
  });
});

describe('a probe', () => {
  it('does nothing before it is subscribed to, and runs completely for each subscriber', async () => {
    const cold = canaries.probe(vaults[0].region);
    await settle();
    expect(operations()).toStrictEqual([]);
    cold.subscribe();
    await settle();
    cold.subscribe();
    await settle();
    expect(operations()).toStrictEqual(['generateDataKey', 'encrypt', 'decrypt', 'decrypt']);
  });

  it('of a vault with a bug ends with that bug', async () => {
    vaults[0].script('decrypt', 'throw');
    const { emitted, ends } = watch();
    await settle();
    expect([emitted, ends]).toStrictEqual([[], [new Error('decrypt has a bug')]]);
  });

  it('of a region without a vault is a bug', () => {
    expect(() => canaries.probe(region('us-east-1'))).toThrow('there is no vault in us-east-1');
  });
});
