// AWS closes idle connections. A call that is sent on such a connection at that moment gets a reset, which says nothing about
// the region. Reads are repeated once, on another connection.
import { errAsync, type ResultAsync } from 'neverthrow';
import { transportFailure } from './transport-failures.js';

/** For reads only: a write whose connection was reset may have happened. */
export const withFreshConnection = <T, F extends { readonly kind: string; readonly cause?: unknown }>(
  read: () => ResultAsync<T, F>,
): ResultAsync<T, F> => read().orElse((failure) => (wasReset(failure.cause) ? read() : errAsync(failure)));

function wasReset(cause: unknown): boolean {
  const failure = transportFailure(cause);
  return failure?.kind === 'region.unavailable' && failure.reason === 'reset';
}
