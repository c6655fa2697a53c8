// A vault that works, with real AES-GCM under a random master key, until its script says otherwise. It remembers every
// call and every key that it handed out, so that tests can ask what was asked and what was wiped.
import { randomBytes } from 'node:crypto';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { LocalKmsKeyVault, masterKeyBytes } from '../../src/adapters/local-kms/local-kms-key-vault.js';
import type { DataKey, DataKeyLength } from '../../src/domain/keys/data-key.js';
import type { EncryptionContext } from '../../src/domain/keys/encryption-context.js';
import type { VaultFailure } from '../../src/domain/failures/region-failures.js';
import type { Region } from '../../src/domain/ids.js';
import type { RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../src/ports/key-vault.js';
import { deployment, keyId, region } from './names.js';
import { randomKey } from './sample-keys.js';
import { vaultFailures, type VaultFailureKind } from './vault-failures.js';

export type ScriptedOperation = 'generateDataKey' | 'encrypt' | 'decrypt' | 'probe';

/**
 * What a call does: `hang` never answers and ignores its signal; `hold` does so until `release` is called and then
 * answers as if nothing had been; `wrong-key` answers a decryption with other bytes; `throw` rejects, as a bug would.
 */
export type Step =
  VaultFailureKind | VaultFailure | 'answer' | 'hang' | 'hang-until-aborted' | 'hold' | 'wrong-key' | 'throw';

export interface SeenCall {
  readonly operation: ScriptedOperation;
  readonly context?: EncryptionContext;
}

type Act<T> = (signal: AbortSignal) => ResultAsync<T, VaultFailure>;

export class ScriptedVault implements KeyVault {
  readonly calls: SeenCall[] = [];
  /** Every key that left this vault, right or wrong. */
  readonly handedOut: DataKey[] = [];
  /** The signals that the calls were given, in order. */
  readonly signals: AbortSignal[] = [];
  /** Makes the answer of the step `wrong-key`. */
  wrongKey: () => DataKey = randomKey;
  /** Seals and opens everything under one and the same context, as a broken KMS would. */
  ignoresContext = false;
  readonly #real: KeyVault;
  readonly #steps = new Map<ScriptedOperation, Step[]>();
  readonly #held: (() => void)[] = [];

  constructor(readonly region: Region) {
    this.#real = new LocalKmsKeyVault(region, randomBytes(masterKeyBytes));
  }

  /** From now on the calls of `operation` take these steps, one each; the last one stays. */
  script(operation: ScriptedOperation, ...steps: readonly Step[]): this {
    this.#steps.set(operation, [...steps]);
    return this;
  }

  /** Our permissions lack this operation. */
  denies(operation: ScriptedOperation): this {
    return this.script(operation, { kind: 'vault.misconfigured', reason: 'access-denied' });
  }

  /** The region is down: nothing answers but with this. */
  fails(step: Step): this {
    return this.script('generateDataKey', step)
      .script('encrypt', step)
      .script('decrypt', step)
      .script('probe', step);
  }

  /** Lets all calls go on that were on `hold`. */
  release(): void {
    for (const goOn of this.#held.splice(0)) goOn();
  }

  count(operation: ScriptedOperation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  generateDataKey(
    length: DataKeyLength,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    const seen: SeenCall = { operation: 'generateDataKey', context };
    return this.#perform(seen, signal, (at) => this.#real.generateDataKey(length, context, at)).map(
      this.#remember,
    );
  }

  encrypt(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<RegionalCiphertext, VaultFailure> {
    return this.#perform({ operation: 'encrypt', context }, signal, (at) =>
      this.#real.encrypt(key, this.#bound(context), at),
    );
  }

  decrypt(
    ciphertext: RegionalCiphertext,
    context: EncryptionContext,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
    const right: Act<DataKey> = (at) => this.#real.decrypt(ciphertext, this.#bound(context), at);
    const wrong: Act<DataKey> = () => okAsync(this.wrongKey());
    return this.#perform({ operation: 'decrypt', context }, signal, right, wrong).map(this.#remember);
  }

  probe(signal: AbortSignal): ResultAsync<void, VaultFailure> {
    return this.#perform({ operation: 'probe' }, signal, (at) => this.#real.probe(at));
  }

  #perform<T>(
    seen: SeenCall,
    signal: AbortSignal,
    right: Act<T>,
    wrong = right,
  ): ResultAsync<T, VaultFailure> {
    this.calls.push(seen);
    this.signals.push(signal);
    const step = this.#nextStep(seen.operation);
    if (typeof step === 'object') return errAsync(step);
    if (isFailure(step)) return errAsync(vaultFailures[step]);
    switch (step) {
      case 'answer':
        return right(signal);
      case 'wrong-key':
        return wrong(signal);
      case 'hang':
        return later(() => undefined).andThen(() => right(signal));
      case 'hang-until-aborted':
        return later((go) => {
          signal.addEventListener('abort', go);
        }).andThen(() => errAsync(vaultFailures['call.aborted']));
      case 'hold':
        return later((go) => this.#held.push(go)).andThen(() => right(new AbortController().signal));
      case 'throw':
        return new ResultAsync(Promise.reject(new Error(`${seen.operation} has a bug`)));
    }
  }

  #nextStep(operation: ScriptedOperation): Step {
    const steps = this.#steps.get(operation) ?? [];
    return (steps.length > 1 ? steps.shift() : steps[0]) ?? 'answer';
  }

  readonly #remember = (key: DataKey): DataKey => {
    this.handedOut.push(key);
    return key;
  };

  #bound(context: EncryptionContext): EncryptionContext {
    return this.ignoresContext ? sameForAll : context;
  }
}

const sameForAll: EncryptionContext = {
  'rkms:deployment': deployment('any'),
  'rkms:id': keyId('any'),
  'rkms:version': '1',
};

const isFailure = (step: string): step is VaultFailureKind => step in vaultFailures;

const later = (start: (go: () => void) => void): ResultAsync<void, VaultFailure> =>
  ResultAsync.fromSafePromise(
    new Promise<void>((resolve) => {
      start(resolve);
    }),
  );

export type ThreeVaults = readonly [ScriptedVault, ScriptedVault, ScriptedVault];

/** Three healthy regions, in the order in which they are configured. */
export const threeRegions = (): ThreeVaults => [
  new ScriptedVault(region('eu-central-1')),
  new ScriptedVault(region('eu-west-1')),
  new ScriptedVault(region('eu-north-1')),
];
