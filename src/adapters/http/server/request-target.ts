// The request target, cut into path and query. Reads the raw text, because a lenient parser would accept targets that are
// not in origin form.
import { err, ok, type Result } from 'neverthrow';
import type { RequestFailure } from './request-failures.js';

/** The longest request target that is looked at, in characters. An id of 255, each percent-encoded, fits. */
export const maxTargetLength = 1_024;

/** A request target in origin form, cut at the first `?`. */
export interface Target {
  readonly path: string;
  readonly query: string | undefined;
}

export function parseTarget(target: string): Result<Target, RequestFailure> {
  if (target.length > maxTargetLength) return err({ kind: 'request.uri-too-long' });
  if (!target.startsWith('/') || target.includes('#')) return err({ kind: 'request.malformed' });
  const mark = target.indexOf('?');
  return ok(
    mark === -1
      ? { path: target, query: undefined }
      : { path: target.slice(0, mark), query: target.slice(mark + 1) },
  );
}
