// Encrypts a new key in every region in parallel and has each region prove its ciphertext by decrypting it. Only proven
// ciphertexts count towards the quorum, and only they are returned (I2). An ejected region is not called, unless the
// quorum needs it.
import { err, ok, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { FailedAttempt, VaultFailure } from '../../domain/failures/region-failures.js';
import type { WrapFailure } from '../../domain/failures/key-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import { pause } from '../../domain/pause.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionCalls } from '../regions/region-calls.js';
import { wrapAndProve } from './wrap-and-prove.js';
import { wrapUntilQuorum, type WrapIn, type Wrapped } from './wrapping-round.js';

export interface QuorumSettings {
  /** How many regions must be proven to hold a new key before it is stored. */
  readonly quorum: number;
  /**
   * After this time (ms) the regions that hang are given up, so that a request ends as below the quorum, with the reasons, and
   * not at its deadline without any. Absent where no deadline follows.
   */
  readonly wrapLimitMs?: number;
  /** Before regions that failed in passing are tried again: a random pause between these two (ms). Absent: they are not. */
  readonly minPauseMs?: number;
  readonly maxPauseMs?: number;
}

/** The proven ciphertexts, and why each of the other regions has none. */
export interface WrappedKey {
  readonly ciphertexts: readonly RegionalCiphertext[];
  readonly missing: readonly FailedAttempt[];
}

export class WrapInEveryRegion {
  constructor(
    private readonly regions: Pick<RegionCalls, 'vaults' | 'call' | 'isEjected'>,
    private readonly settings: QuorumSettings,
    private readonly clock?: Clock,
  ) {}

  /** `key` is only read. Fails when fewer regions than the quorum could prove their ciphertext. */
  async wrap(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<Result<WrappedKey, WrapFailure>> {
    const { clock } = this;
    const { wrapLimitMs, minPauseMs = 0, maxPauseMs } = this.settings;
    const startedMs = clock?.monotonicMs() ?? 0;
    const outcomes = new Map(await this.outcomes(key, context, signal, wrapLimitMs));
    const again = this.worthRepeating(outcomes);
    if (clock && maxPauseMs !== undefined && again.length > 0) {
      await pause(clock, minPauseMs + clock.random() * (maxPauseMs - minPauseMs), signal);
      const leftMs = wrapLimitMs && wrapLimitMs - (clock.monotonicMs() - startedMs);
      if (!signal.aborted && (leftMs === undefined || leftMs > 0)) {
        const second = await this.outcomes(key, context, signal, leftMs, again);
        for (const [region, wrapped] of second) outcomes.set(region, wrapped);
      }
    }
    return this.checkQuorum(inOrder(this.regions.vaults, outcomes), signal);
  }

  /** The regions that failed in passing, when the quorum needs them and they are enough for it. */
  private worthRepeating(outcomes: ReadonlyMap<Region, Wrapped>): readonly Region[] {
    const { quorum } = this.settings;
    const { ciphertexts, missing } = inOrder(this.regions.vaults, outcomes);
    const again = missing.filter(isInPassing).map(({ region }) => region);
    return ciphertexts.length < quorum && ciphertexts.length + again.length >= quorum ? again : [];
  }

  private outcomes(
    key: DataKey,
    context: EncryptionContext,
    signal: AbortSignal,
    limitMs: number | undefined,
    only?: readonly Region[],
  ): Promise<ReadonlyMap<Region, Wrapped>> {
    const all = this.regions.vaults.filter(({ region }) => only?.includes(region) ?? true);
    const isEjected = ({ region }: KeyVault): boolean => this.regions.isEjected(region);
    const ejected = new Set(all.filter(isEjected));
    const wrapIn: WrapIn = (vault, own, onOverdue) =>
      wrapAndProve(this.regions, vault, key, context, own, onOverdue);
    const first = all.filter((vault) => !ejected.has(vault));
    const { quorum } = this.settings;
    const limit = (fire: () => void): (() => void) | undefined =>
      limitMs === undefined ? undefined : this.clock?.schedule(limitMs, fire);
    return wrapUntilQuorum(first, [...ejected], { quorum, wrapIn, signal, limit });
  }

  private checkQuorum(wrapped: WrappedKey, signal: AbortSignal): Result<WrappedKey, WrapFailure> {
    const { quorum } = this.settings;
    const proven = wrapped.ciphertexts.length;
    if (proven >= quorum) return ok(wrapped);
    if (signal.aborted) return err({ kind: 'call.aborted' });
    return err({ kind: 'regions.below-quorum', proven, quorum, attempts: wrapped.missing });
  }
}

/** Whether the same region may answer a moment later: it did answer, or dropped the connection, and was not silent. */
function isInPassing({ failure }: FailedAttempt): boolean {
  if (failure.kind === 'region.throttled') return true;
  if (failure.kind !== 'region.unavailable') return false;
  return failure.reason === 'server-error' || failure.reason === 'reset' || failure.reason === 'refused';
}

const notCalled: VaultFailure = { kind: 'region.unavailable', reason: 'ejected' };

/** The outcomes in the configured order; a region without one was not called. */
function inOrder(vaults: readonly KeyVault[], outcomes: ReadonlyMap<Region, Wrapped>): WrappedKey {
  const all = vaults.map(({ region }) => ({ region, wrapped: outcomes.get(region) ?? err(notCalled) }));
  return {
    ciphertexts: all.flatMap(({ wrapped }) => (wrapped.isOk() ? [wrapped.value] : [])),
    missing: all.flatMap(({ region, wrapped }) =>
      wrapped.isErr() ? [{ region, failure: wrapped.error }] : [],
    ),
  };
}
