// Encrypts a new key in every region at once and has each region prove its ciphertext by opening it again. Only proven
// ciphertexts count towards the quorum, and only proven ones are handed out to be stored (I2). Nobody waits for a region
// that is known to be down, unless the quorum needs it.
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import { encryptionContext, type KeyName } from '../../domain/keys/encryption-context.js';
import type { FailedAttempt, VaultFailure } from '../../domain/failures/region-failures.js';
import type { WrapFailure } from '../../domain/failures/key-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionCalls } from '../regions/region-calls.js';
import { wrapAndProve } from './wrap-and-prove.js';

export interface QuorumSettings {
  /** How many regions must be proven to hold a new key before it is stored. */
  readonly quorum: number;
}

/** The proven ciphertexts, and the regions that could not prove one. */
export interface WrappedKey {
  readonly ciphertexts: readonly RegionalCiphertext[];
  readonly missing: readonly FailedAttempt[];
}

export class WrapInEveryRegion {
  constructor(
    private readonly regions: Pick<RegionCalls, 'vaults' | 'call' | 'isEjected'>,
    private readonly settings: QuorumSettings,
  ) {}

  /** `key` is only read. Fails when fewer regions than the quorum could prove their ciphertext. */
  wrap(key: DataKey, name: KeyName, signal: AbortSignal): ResultAsync<WrappedKey, WrapFailure> {
    return new ResultAsync(this.wrapEverywhere(key, name, signal));
  }

  private async wrapEverywhere(
    key: DataKey,
    name: KeyName,
    signal: AbortSignal,
  ): Promise<Result<WrappedKey, WrapFailure>> {
    const context = encryptionContext(name, key.commitmentFor(name.id, name.version));
    const all = this.regions.vaults;
    const wrapIn = async (vault: KeyVault): Promise<Outcome> => [
      vault.region,
      await wrapAndProve(this.regions, vault, key, context, signal),
    ];
    const down = all.filter(({ region }) => this.regions.isEjected(region));
    const outcomes = new Map(await Promise.all(all.filter((vault) => !down.includes(vault)).map(wrapIn)));
    const proven = [...outcomes.values()].filter((wrapped) => wrapped.isOk()).length;
    const isEnough = proven >= this.settings.quorum;
    for (const [region, wrapped] of isEnough ? [] : await Promise.all(down.map(wrapIn))) {
      outcomes.set(region, wrapped);
    }
    return this.weigh(inOrder(all, outcomes), signal);
  }

  private weigh(wrapped: WrappedKey, signal: AbortSignal): Result<WrappedKey, WrapFailure> {
    const { quorum } = this.settings;
    const proven = wrapped.ciphertexts.length;
    if (proven >= quorum) return ok(wrapped);
    if (signal.aborted) return err({ kind: 'call.aborted' });
    return err({ kind: 'regions.below-quorum', proven, quorum, attempts: wrapped.missing });
  }
}

type Outcome = readonly [Region, Result<RegionalCiphertext, VaultFailure>];

const notAsked: VaultFailure = { kind: 'region.unavailable', reason: 'ejected' };

/** What came out, in the configured order; a region without an outcome was not asked. */
function inOrder(vaults: readonly KeyVault[], outcomes: ReadonlyMap<Region, Outcome[1]>): WrappedKey {
  const all = vaults.map(({ region }) => ({ region, wrapped: outcomes.get(region) ?? err(notAsked) }));
  return {
    ciphertexts: all.flatMap(({ wrapped }) => (wrapped.isOk() ? [wrapped.value] : [])),
    missing: all.flatMap(({ region, wrapped }) =>
      wrapped.isErr() ? [{ region, failure: wrapped.error }] : [],
    ),
  };
}
