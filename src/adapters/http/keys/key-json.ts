// Strict parsing of the body of POST /key: one JSON object with exactly one member, "id", a string. Refuses what JSON
// parsers interpret differently, such as repeated members. Never repeats text of the body in an error.
import type { IncomingMessage } from 'node:http';
import { err, ok, Result, ResultAsync } from 'neverthrow';
import type { KeyId } from '../../../domain/ids.js';
import { checkId } from './key-query.js';
import type { RequestFailure } from '../server/request-failures.js';

/** In bytes. A longer body is refused before it is read completely. */
export const maxBodyBytes = 1_024;

/** Accepts only `application/json`, without a charset or with UTF-8, and without compression. */
export function checkMediaType({ headers }: IncomingMessage): Result<void, RequestFailure> {
  const plain = (headers['content-encoding'] ?? 'identity').toLowerCase() === 'identity';
  const json = /^application\/json *(; *charset="?utf-8"? *)?$/i.test(headers['content-type'] ?? '');
  return plain && json ? ok() : err({ kind: 'request.media-type-unsupported' });
}

/** Reads the whole body. `request.too-slow` if `signal` fires first; `request.malformed` if the client disconnects. */
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

/** The id in `{"id": "..."}`; `request.body-invalid` for any other form. */
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
