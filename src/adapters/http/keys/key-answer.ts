// Answers with a key. Writes the key as base64 directly into the buffer of the body, and overwrites that buffer after the
// response. Never makes a string of a key, because strings cannot be overwritten.
import type { Context } from 'koa';
import type { ServedKey } from '../../../application/keys/served-key.js';
import type { KeyServed } from '../../../ports/telemetry.js';
import { jsonType, send } from '../server/answers.js';
import { hasLeft } from '../server/request-facts.js';
import type { RequestState } from '../server/request-state.js';
import { base64Length, writeBase64 } from '../../system/base64-bytes.js';

/** `{"id","version","key"}` with the key as base64, in a new buffer. The caller of this function must overwrite it. */
export function keyBody({ id, version, key }: ServedKey): Buffer {
  const head = `{"id":${JSON.stringify(id)},"version":${version},"key":"`;
  const tail = '"}\n';
  const headBytes = Buffer.byteLength(head);
  const keyChars = base64Length(key.length);
  const body = Buffer.alloc(headBytes + keyChars + tail.length);
  body.write(head);
  key.reveal((plaintext) => {
    writeBase64(plaintext, body.subarray(headBytes, headBytes + keyChars));
  });
  body.write(tail, headBytes + keyChars);
  return body;
}

/** Answers with the key. Wipes it at once, and the body when the response is written or the connection is closed. */
export function answerKey(ctx: Context, served: ServedKey): void {
  // If the caller left while the audit entry was written, `close` was emitted before, and no body is made.
  const body = hasLeft(ctx) ? Buffer.alloc(0) : keyBody(served);
  served.key.wipe();
  ctx.res.once('close', () => body.fill(0));
  const { region, copies, regions, recordAgeMs, keyAgeMs } = served;
  const headers = ['Content-Type', jsonType, 'RKMS-Region', region, 'RKMS-Copies', `${copies}/${regions}`];
  if (recordAgeMs !== undefined) headers.push('RKMS-Record', cached(recordAgeMs));
  if (keyAgeMs !== undefined) headers.push('RKMS-Key', cached(keyAgeMs));
  (ctx.state as RequestState).served = factsOf(served);
  send(ctx, 200, headers, body);
}

const cached = (ageMs: number): string => `cached; age=${Math.floor(ageMs / 1_000)}`;

const factsOf = ({
  region,
  created,
  copies,
  regions,
  attempts,
  hedged,
  failover,
  keyAgeMs,
}: ServedKey): KeyServed => ({
  region,
  created,
  copies,
  regions,
  attempts,
  hedged,
  ...(failover && { failover }),
  ...(keyAgeMs !== undefined && { keyAgeMs }),
});
