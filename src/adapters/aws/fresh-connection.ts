// AWS closes idle connections. A call that is sent on such a connection at that moment gets a reset, which says nothing about
// the region. Reads are repeated once, on another connection.
import { transportFailure } from './transport-failures.js';

/** For reads only: a write whose connection was reset may have happened. */
export async function withFreshConnection<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!wasReset(cause)) throw cause;
    return read();
  }
}

function wasReset(cause: unknown): boolean {
  const failure = transportFailure(cause);
  return failure?.kind === 'region.unavailable' && failure.reason === 'reset';
}
