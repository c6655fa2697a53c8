// AWS closes connections that are idle. A call that takes such a connection at that very moment meets a reset, which says
// nothing about the region: where nothing can have happened twice, it is made once more, on another connection.
import { errAsync, type ResultAsync } from 'neverthrow';
import { transportFailure } from './transport-failures.js';

/** For reads alone: a write whose connection was reset may have happened. */
export const withFreshConnection = <T, F extends { readonly kind: string; readonly cause?: unknown }>(
  read: () => ResultAsync<T, F>,
): ResultAsync<T, F> => read().orElse((failure) => (wasReset(failure.cause) ? read() : errAsync(failure)));

function wasReset(cause: unknown): boolean {
  const failure = transportFailure(cause);
  return failure?.kind === 'region.unavailable' && failure.reason === 'reset';
}
