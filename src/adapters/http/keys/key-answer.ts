// The body of an answer that carries a key. The key becomes base64 straight in the body's own buffer and never a string,
// so that wiping the buffer leaves nothing behind.
import type { Context } from 'koa';
import type { ServedKey } from '../../../application/keys/get-data-key.js';
import type { KeyServed } from '../../../ports/telemetry.js';
import type { RequestState } from '../server/request-state.js';
import { base64Length, writeBase64 } from '../../system/base64-bytes.js';

/** `{"id","version","key"}` with the key as base64, in memory that belongs to the caller. */
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

/** Answers with the key, and wipes every copy of it once the response is written or the connection gone. */
export function answerKey(ctx: Context, served: ServedKey): void {
  const body = keyBody(served);
  served.key.wipe();
  const wipe = (): void => {
    body.fill(0);
  };
  // A caller who left while the audit log was written closes the response only once, and that was before.
  if (ctx.res.closed) wipe();
  else ctx.res.once('close', wipe);
  ctx.status = 200;
  ctx.type = 'application/json';
  ctx.set('RKMS-Region', served.region);
  ctx.set('RKMS-Copies', `${served.copies}/${served.regions}`);
  ctx.body = body;
  (ctx.state as RequestState).served = factsOf(served);
}

const factsOf = ({ region, created, copies, regions, attempts, hedged, failover }: ServedKey): KeyServed => ({
  region,
  created,
  copies,
  regions,
  attempts,
  hedged,
  ...(failover && { failover }),
});
