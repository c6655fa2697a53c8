// Splits the request target into path and query. Works on the raw text, because URL parsers also accept targets that are
// not in origin form (RFC 9112, 3.2.1).
import { err, ok, type Result } from 'neverthrow';
import type { RequestFailure } from './request-failures.js';

/** In characters. An id of 255 characters, each percent-encoded, fits. */
export const maxTargetLength = 1_024;

/** A request target in origin form. `query` is what follows the first `?`; undefined without one. */
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
