// The strict reading of a JSON body that names a key, for callers who keep ids out of access logs. It has one spelling:
// an object with the one member "id", given once, as a string. Never repeats what was sent.
import type { IncomingMessage } from 'node:http';
import { err, ok, Result, ResultAsync } from 'neverthrow';
import type { KeyId } from '../../../domain/ids.js';
import { checkId } from './key-query.js';
import type { RequestFailure } from '../server/request-failures.js';

/** The longest body that is read, in bytes. */
export const maxBodyBytes = 1_024;

/** Only `application/json`, in UTF-8 if the charset is named, and not compressed. */
export function checkMediaType({ headers }: IncomingMessage): Result<void, RequestFailure> {
  const plain = (headers['content-encoding'] ?? 'identity').toLowerCase() === 'identity';
  const json = /^application\/json *(; *charset="?utf-8"? *)?$/i.test(headers['content-type'] ?? '');
  return plain && json ? ok() : err({ kind: 'request.media-type-unsupported' });
}

/** The whole body. Ends with `request.too-slow` when `signal` fires first; a caller who leaves is malformed. */
export function readBody(request: IncomingMessage, signal: AbortSignal): ResultAsync<Buffer, RequestFailure> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return new ResultAsync(tooLarge);
  return new ResultAsync(
    new Promise<Result<Buffer, RequestFailure>>((resolve) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = (result: Result<Buffer, RequestFailure>): void => {
        request.off('data', take).off('end', complete).off('close', broken).off('error', broken);
        request.on('error', () => undefined);
        signal.removeEventListener('abort', late);
        resolve(result);
      };
      const take = (chunk: Buffer): void => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBodyBytes) finish(err({ kind: 'request.body-too-large' }));
      };
      const complete = (): void => {
        finish(ok(Buffer.concat(chunks)));
      };
      const broken = (): void => {
        finish(err({ kind: 'request.malformed' }));
      };
      const late = (): void => {
        finish(err({ kind: 'request.too-slow' }));
      };
      request.on('data', take).on('end', complete).on('close', broken).on('error', broken);
      signal.addEventListener('abort', late);
      if (signal.aborted) late();
    }),
  );
}

const tooLarge = Promise.resolve(err<Buffer, RequestFailure>({ kind: 'request.body-too-large' }));

const space = '[ \\t\\n\\r]*';
const string = '"(?:[^"\\\\\\u0000-\\u001f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"';
const namedKey = new RegExp(`^${space}\\{${space}"id"${space}:${space}(${string})${space}\\}${space}$`);

/** The id in `{"id": "..."}`. What JSON parsers let pass, as a member that comes twice, is refused. */
export function parseKeyJson(body: Uint8Array): Result<KeyId, RequestFailure> {
  return decodeUtf8(body).andThen((text) => {
    const [, id] = namedKey.exec(text) ?? [];
    if (id !== undefined) return checkId(JSON.parse(id) as string);
    return parseAny(text).andThen(() => err(invalid(shape)));
  });
}

const shape = 'Send {"id": "<id>"}: an object with the one member "id", once, as a string.';

const invalid = (detail: string): RequestFailure => ({ kind: 'request.body-invalid', detail });
const notJson = (): RequestFailure => invalid(`The body is not JSON in UTF-8. ${shape}`);

const decodeUtf8 = Result.fromThrowable(
  (body: Uint8Array) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body),
  notJson,
);
const parseAny = Result.fromThrowable((text: string): unknown => JSON.parse(text), notJson);
