// Wrapping a new key: every region encrypts and proves at once, and only what was proven counts (I2).
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok, okAsync, type Result } from 'neverthrow';
import { WrapInEveryRegion, type WrappedKey } from '../../../src/application/keys/wrap-in-every-region.js';
import type { DataKey } from '../../../src/domain/keys/data-key.js';
import { encryptionContext, type EncryptionContext } from '../../../src/domain/keys/encryption-context.js';
import type { VaultFailure } from '../../../src/domain/failures/region-failures.js';
import type { WrapFailure } from '../../../src/domain/failures/key-failures.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { settle } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { hexOf, isWiped, keyOf, randomKey } from '../../support/sample-keys.js';
import type { ScriptedOperation, Step } from '../../support/scripted-vault.js';
import { timedOut, vaultFailureKinds, vaultFailures } from '../../support/vault-failures.js';
import { attemptTimeoutMs, ours, patience, VirtualService } from '../../support/virtual-service.js';

const name = { deployment: ours, id: keyId('orders/7'), version: firstVersion };
const readBackFailed: VaultFailure = { kind: 'ciphertext.mismatched', reason: 'read-back' };

let service: VirtualService;
let key: DataKey;
beforeEach(() => {
  service = new VirtualService();
  key = randomKey();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
  expect(isWiped(key)).toBe(false);
});

const contextOf = (wrapped: DataKey): EncryptionContext =>
  encryptionContext(name, wrapped.commitmentFor(name.id, name.version));
const wrap = (signal = patience()): PromiseLike<Result<WrappedKey, WrapFailure>> =>
  service.wrapping.wrap(key, contextOf(key), signal);
const summary = (wrapped: Result<WrappedKey, WrapFailure>): unknown =>
  wrapped.map(({ ciphertexts, missing }) => ({ proven: ciphertexts.map(({ region }) => region), missing }));
const [frankfurt, dublin, stockholm] = ['eu-central-1', 'eu-west-1', 'eu-north-1'];

describe('wrapping a key', () => {
  it('yields one proven ciphertext per region, in the configured order, each opening to the key', async () => {
    const wrapped = await wrap();
    expect(summary(wrapped)).toEqual(ok({ proven: [frankfurt, dublin, stockholm], missing: [] }));
    const context = encryptionContext(name, key.commitmentFor(name.id, name.version));
    const { ciphertexts } = wrapped._unsafeUnwrap();
    const opened = await Promise.all(
      service.vaults.flatMap((vault, index) => {
        const ciphertext = ciphertexts[index];
        return ciphertext === undefined ? [] : vault.decrypt(ciphertext, context, patience()).map(hexOf);
      }),
    );
    expect(opened).toEqual(Array.from({ length: 3 }, () => ok(hexOf(key))));
  });

  it('calls every region twice with the full context: to encrypt, then to read back', async () => {
    await wrap();
    const context = encryptionContext(name, key.commitmentFor(name.id, name.version));
    for (const vault of service.vaults) {
      expect(vault.calls).toStrictEqual([
        { operation: 'encrypt', context },
        { operation: 'decrypt', context },
      ]);
    }
    const reported = service.telemetry.vaultCalls.map(({ region, operation }) => `${region} ${operation}`);
    expect([...reported].sort()).toEqual([
      'eu-central-1 encrypt',
      'eu-central-1 read-back',
      'eu-north-1 encrypt',
      'eu-north-1 read-back',
      'eu-west-1 encrypt',
      'eu-west-1 read-back',
    ]);
    expect(service.guide.reports).toEqual(service.telemetry.vaultCalls);
  });

  it('asks all regions at once: one that hangs does not keep the others waiting', async () => {
    service.vaults[0].fails('hang');
    const wrapped = wrap();
    await settle();
    expect(service.vaults.map(({ calls }) => calls.length)).toEqual([1, 2, 2]);
    await service.clock.advance(attemptTimeoutMs);
    expect((await wrapped).isOk()).toBe(true);
  });

  it('wipes every plaintext that was read back', async () => {
    service.vaults[1].script('decrypt', 'wrong-key');
    await wrap();
    expect(service.vaults.flatMap(({ handedOut }) => handedOut).map(isWiped)).toEqual([true, true, true]);
  });
});

describe('two regions that fail in passing', () => {
  const patientWrap = (): PromiseLike<Result<WrappedKey, WrapFailure>> => {
    const pauses = { minPauseMs: 20, maxPauseMs: 60, wrapLimitMs: 1_000 };
    const patient = new WrapInEveryRegion(service.regions, { quorum: 2, ...pauses }, service.clock);
    return patient.wrap(key, contextOf(key), patience());
  };
  const serverError = { kind: 'region.unavailable', reason: 'server-error' } as const;

  it('are tried once more after a pause, and no region that has proven its ciphertext is', async () => {
    service.vaults[0].script('encrypt', serverError, 'answer');
    service.vaults[1].script('decrypt', serverError, 'answer');
    const wrapped = patientWrap();
    await service.clock.advance(60);
    expect(summary(await wrapped)).toEqual(ok({ proven: [frankfurt, dublin, stockholm], missing: [] }));
    expect(service.vaults.map(({ calls }) => calls.length)).toEqual([3, 4, 2]);
  });

  it('are not tried a third time, and the failure has the last reasons', async () => {
    for (const vault of service.vaults.slice(1)) vault.script('encrypt', serverError);
    const wrapped = patientWrap();
    await service.clock.advance(60);
    expect((await wrapped)._unsafeUnwrapErr()).toMatchObject({ kind: 'regions.below-quorum', proven: 1 });
    expect(service.vaults.map(({ calls }) => calls.length)).toEqual([2, 2, 2]);
  });

  it.each([
    [{ kind: 'region.unavailable', reason: 'timed-out' }],
    [{ kind: 'vault.misconfigured', reason: 'access-denied' }],
  ] as const)('are not tried again when that cannot help: %j', async (failure) => {
    for (const vault of service.vaults.slice(1)) vault.script('encrypt', failure);
    const wrapped = patientWrap();
    await service.clock.advance(60);
    expect((await wrapped).isErr()).toBe(true);
    expect(service.vaults.map(({ calls }) => calls.length)).toEqual([2, 1, 1]);
  });
});

describe('one region that cannot prove its ciphertext', () => {
  const faults: readonly (readonly [ScriptedOperation, Step, VaultFailure])[] = [
    ...vaultFailureKinds.flatMap((kind) => [
      ['encrypt', kind, vaultFailures[kind]] as const,
      ['decrypt', kind, vaultFailures[kind]] as const,
    ]),
    ['encrypt', 'hang', timedOut],
    ['decrypt', 'hang', timedOut],
    ['encrypt', 'hang-until-aborted', timedOut],
    ['decrypt', 'hang-until-aborted', timedOut],
    ['decrypt', 'wrong-key', readBackFailed],
  ];

  it.each(faults)(
    'at %s by %s is named as missing, and the other two are enough (I2)',
    async (operation, step, failure) => {
      service.vaults[1].script(operation, step);
      const wrapped = wrap();
      await service.clock.advance(attemptTimeoutMs);
      const missing = [{ region: dublin, failure }];
      expect(summary(await wrapped)).toEqual(ok({ proven: [frankfurt, stockholm], missing }));
    },
  );

  it.each(faults)(
    'at %s by %s, together with a second one, is too few (I2)',
    async (operation, step, failure) => {
      service.vaults[1].script(operation, step);
      service.vaults[2].fails('region.unavailable');
      const wrapped = wrap();
      await service.clock.advance(attemptTimeoutMs);
      const attempts = [
        { region: dublin, failure },
        { region: stockholm, failure: vaultFailures['region.unavailable'] },
      ];
      expect(await wrapped).toEqual(err({ kind: 'regions.below-quorum', proven: 1, quorum: 2, attempts }));
    },
  );

  it('because it reads back a twin padded with zeros does not count (I2)', async () => {
    const short = new Uint8Array(16).fill(7);
    const long = new Uint8Array(32);
    long.set(short);
    key = keyOf(short);
    service.vaults[0].script('decrypt', 'wrong-key').wrongKey = () => keyOf(long);
    const missing = [{ region: frankfurt, failure: readBackFailed }];
    expect(summary(await wrap())).toEqual(ok({ proven: [dublin, stockholm], missing }));
  });

  it('because its ciphertext bears the name of another region does not count (I2)', async () => {
    const [first, second] = service.vaults;
    const honest = first.encrypt.bind(first);
    first.encrypt = (...args) =>
      honest(...args).map((ciphertext) => ({ ...ciphertext, region: second.region }));
    const missing = [{ region: frankfurt, failure: readBackFailed }];
    expect(summary(await wrap())).toEqual(ok({ proven: [dublin, stockholm], missing }));
  });

  it('because it comes back too late does not count, and what it read back is wiped (I2)', async () => {
    service.vaults[0].script('decrypt', 'hold');
    const wrapped = wrap();
    await service.clock.advance(attemptTimeoutMs);
    service.vaults[0].release();
    await settle();
    expect(summary(await wrapped)).toEqual(
      ok({ proven: [dublin, stockholm], missing: [{ region: frankfurt, failure: timedOut }] }),
    );
    expect(service.vaults[0].handedOut.map(isWiped)).toEqual([true]);
  });

  it('that ends after the key was wiped does no harm', async () => {
    service.vaults[0].script('decrypt', 'hold');
    const doomed = key.copy();
    const wrapped = service.wrapping.wrap(doomed, contextOf(doomed), patience());
    await service.clock.advance(attemptTimeoutMs);
    doomed.wipe();
    service.vaults[0].release();
    await settle();
    expect((await wrapped).isOk()).toBe(true);
    expect(service.vaults[0].handedOut.map(isWiped)).toEqual([true]);
  });
});

describe('a region that is known to be down', () => {
  const notAsked: VaultFailure = { kind: 'region.unavailable', reason: 'ejected' };
  const down = (...indexes: readonly number[]): void => {
    for (const index of indexes) {
      const vault = service.vaults[index];
      if (vault) service.guide.ejected.add(vault.fails('hang').region);
    }
  };

  it('is not waited for when the others reach the quorum, and counts as missing', async () => {
    down(1);
    const missing = [{ region: dublin, failure: notAsked }];
    expect(summary(await wrap())).toEqual(ok({ proven: [frankfurt, stockholm], missing }));
    expect(service.vaults[1].calls).toEqual([]);
  });

  it('is called when the quorum needs it, and may answer', async () => {
    down(0, 1);
    service.vaults[1].fails('answer');
    const wrapped = wrap();
    await service.clock.advance(attemptTimeoutMs);
    const missing = [{ region: frankfurt, failure: timedOut }];
    expect(summary(await wrapped)).toEqual(ok({ proven: [dublin, stockholm], missing }));
  });

  it('is called after the others, when one of those fails', async () => {
    down(0);
    service.vaults[0].fails('answer');
    service.vaults[2].fails('region.unavailable');
    const missing = [{ region: stockholm, failure: vaultFailures['region.unavailable'] }];
    expect(summary(await wrap())).toEqual(ok({ proven: [frankfurt, dublin], missing }));
  });
});

describe('the quorum', () => {
  it.each([
    [1, 0, true],
    [1, 1, true],
    [1, 2, true],
    [1, 3, false],
    [2, 0, true],
    [2, 1, true],
    [2, 2, false],
    [2, 3, false],
    [3, 0, true],
    [3, 1, false],
  ])('of %d with %d regions down is reached: %j (I2)', async (quorum, down, reached) => {
    service = new VirtualService(quorum);
    for (const vault of service.vaults.slice(0, down)) vault.fails('region.unavailable');
    const wrapped = await wrap();
    const attempts = service.vaults
      .slice(0, down)
      .map(({ region }) => ({ region, failure: vaultFailures['region.unavailable'] }));
    const belowQuorum = err({ kind: 'regions.below-quorum', proven: 3 - down, quorum, attempts });
    const proven = [frankfurt, dublin, stockholm].slice(down);
    expect(summary(wrapped)).toEqual(reached ? ok({ proven, missing: attempts }) : belowQuorum);
  });
});

describe('a caller who leaves while a key is being wrapped', () => {
  it.each(['encrypt', 'decrypt'] as const)(
    'ends it as call.aborted, with every attempt aborted (%s)',
    async (operation) => {
      for (const vault of service.vaults) vault.script(operation, 'hang');
      const caller = new AbortController();
      const wrapped = wrap(caller.signal);
      await settle();
      caller.abort();
      expect(await wrapped).toEqual(err({ kind: 'call.aborted' }));
      expect(service.vaults.map(({ signals }) => signals.at(-1)?.aborted)).toEqual([true, true, true]);
    },
  );

  it('loses nothing that is proven already', async () => {
    service.vaults[2].fails('hang');
    const caller = new AbortController();
    const wrapped = wrap(caller.signal);
    await settle();
    caller.abort();
    const missing = [{ region: stockholm, failure: vaultFailures['call.aborted'] }];
    expect(summary(await wrapped)).toEqual(ok({ proven: [frankfurt, dublin], missing }));
  });
});

describe('a bug in one vault', () => {
  it('comes out as a rejection', async () => {
    service.vaults[1].script('encrypt', 'throw');
    await expect(async () => await wrap()).rejects.toThrow('a bounded call threw');
  });

  it('is not hidden by a vault that answers at once with nothing', async () => {
    service.vaults[1].decrypt = () => okAsync(keyOf(new Uint8Array(32)));
    expect(summary(await wrap())).toEqual(
      ok({ proven: [frankfurt, stockholm], missing: [{ region: dublin, failure: readBackFailed }] }),
    );
  });
});
