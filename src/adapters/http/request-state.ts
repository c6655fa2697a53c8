// What is known of a request: while it is served, and in its one log line. Holds names only, no key and no credential.
import type { CallerId, KeyId } from '../../domain/ids.js';
import type { HttpFailure } from './problems.js';

/** What is known of a request while it is served. */
export interface RequestState {
  requestId: string;
  caller?: CallerId;
  id?: KeyId;
  failure?: HttpFailure;
  /** What was thrown, if something was: a bug. */
  bug?: unknown;
}

/** One finished request. */
export interface RequestLine extends RequestState {
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
  /** The caller did not wait for the answer. */
  readonly callerLeft: boolean;
}
