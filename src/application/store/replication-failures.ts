// What the failures of several regions of the store mean together. A write counts as not done only where every region said so.
import type { AfterFailure } from '../../domain/failures/region-failures.js';
import type { StoreReadFailure, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import { afterStoreRead, outcomeOfWrite, type StoreFailure } from '../../domain/failures/store-failures.js';
import type { Attempt } from '../resilience/hedged-race.js';

/** A replica that may lag behind has no such record: that says nothing. */
export interface AbsentHere {
  readonly kind: 'absent-here';
}
export const absentHere: AbsentHere = { kind: 'absent-here' };

export const afterRead = (failure: StoreReadFailure | AbsentHere): AfterFailure =>
  failure.kind === 'absent-here' ? 'next-region' : afterStoreRead(failure);

/** What the failures of all regions mean together; a replica's "not here" is no answer, and no excuse to say 404. */
export function whyUnread(attempts: readonly Attempt<StoreReadFailure | AbsentHere>[]): StoreReadFailure {
  const last = attempts.at(-1)?.failure;
  if (last === undefined || last.kind === 'absent-here') return unavailable(attempts);
  const isTheOnlyReason = attempts.every(({ failure }) => failure.kind === last.kind);
  return isTheOnlyReason || afterStoreRead(last) === 'stop' ? last : unavailable(attempts);
}

/** One attempt of unknown outcome makes the outcome of all unknown, unless the record was seen to decide against it. */
export function whyUnwritten<F extends StoreFailure>(
  attempts: readonly Attempt<F | StoreWriteFailure>[],
): F | StoreWriteFailure {
  const last = attempts.at(-1)?.failure;
  if (last === undefined) return unavailable(attempts);
  const isTheOnlyReason = attempts.every(({ failure }) => failure.kind === last.kind);
  if (isTheOnlyReason || outcomeOfWrite(last) === 'refused') return last;
  return attempts.some(({ failure }) => outcomeOfWrite(failure) === 'unknown')
    ? { kind: 'store.outcome-unknown', cause: summary(attempts) }
    : unavailable(attempts);
}

const unavailable = (attempts: readonly Attempt<{ readonly kind: string }>[]) =>
  ({ kind: 'store.unavailable', cause: summary(attempts) }) as const;

const summary = (attempts: readonly Attempt<{ readonly kind: string }>[]): string =>
  attempts.map(({ region, failure }) => `${region}: ${failure.kind}`).join(', ');
