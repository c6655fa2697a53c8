// Failures as tests compare them: whole, but for the cause, which is somebody else's object.
import type { Result } from 'neverthrow';

export const withoutCause = <T>(result: Result<T, object>): Result<T, object> =>
  result.mapErr((failure) =>
    Object.fromEntries(Object.entries(failure).filter(([name]) => name !== 'cause')),
  );
