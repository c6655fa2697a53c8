// What the failures of several regions of the store mean together. A write counts as not done only when every region
// says so (I8).
import type { AfterFailure } from '../../domain/failures/region-failures.js';
import {
  afterStoreRead,
  outcomeOfWrite,
  type KeyCopiesNeeded,
  type StoreFailure,
  type StoreReadFailure,
  type StoreRevisionStale,
  type StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { Attempt } from '../resilience/hedged-race.js';

/** How a write by compare-and-set can fail. */
export type ChangeFailure = StoreWriteFailure | StoreRevisionStale;

/** A replica that may lag behind has no such record, which does not mean that there is none. */
export interface AbsentHere {
  readonly kind: 'absent-here';
}
export const absentHere: AbsentHere = { kind: 'absent-here' };

export const afterRead = (failure: StoreReadFailure | AbsentHere): AfterFailure =>
  failure.kind === 'absent-here' ? 'next-region' : afterStoreRead(failure);

/** The failure of a read that failed in all regions. A replica's "not here" is no answer, and must not become a 404. */
export function whyUnread(attempts: readonly Attempt<StoreReadFailure | AbsentHere>[]): StoreReadFailure {
  const last = attempts.at(-1)?.failure;
  if (last === undefined || last.kind === 'absent-here') return unavailable(attempts);
  const isOnlyReason = attempts.every(({ failure }) => failure.kind === last.kind);
  return isOnlyReason || afterStoreRead(last) === 'stop' ? last : unavailable(attempts);
}

/**
 * The failure of a write that failed in all regions: unknown if one attempt is, unless the stored record refused the
 * write.
 */
export function whyUnwritten<F extends StoreFailure>(
  attempts: readonly Attempt<F | StoreWriteFailure>[],
): F | StoreWriteFailure {
  const last = attempts.at(-1)?.failure;
  if (last === undefined) return unavailable(attempts);
  const isOnlyReason = attempts.every(({ failure }) => failure.kind === last.kind);
  if (isOnlyReason || outcomeOfWrite(last) === 'refused') return last;
  return attempts.some(({ failure }) => outcomeOfWrite(failure) === 'unknown')
    ? { kind: 'store.outcome-unknown', cause: summary(attempts) }
    : unavailable(attempts);
}

const unavailable = (attempts: readonly Attempt<{ readonly kind: string }>[]) =>
  ({ kind: 'store.unavailable', cause: summary(attempts) }) as const;

const summary = (attempts: readonly Attempt<{ readonly kind: string }>[]): string =>
  attempts.map(({ region, failure }) => `${region}: ${failure.kind}`).join(', ');

/** A scan cannot move to another region, because its position is only valid in its own. */
export const scanLost: StoreReadFailure = {
  kind: 'store.misconfigured',
  detail:
    'the scan began in a region that is no longer configured, or that may not be scanned: start the scan again',
};

/** The record of this region lacks ciphertexts that the record read before had: it changed since then. */
export const staleIfNeeded = (failure: ChangeFailure | KeyCopiesNeeded): ChangeFailure =>
  failure.kind === 'key.copies-needed' ? { kind: 'store.revision-stale' } : failure;
