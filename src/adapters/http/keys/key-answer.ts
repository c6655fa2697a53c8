// The body of an answer that carries a key. The key becomes base64 straight in the body's own buffer and never a string,
// so that wiping the buffer leaves nothing behind.
import type { ServedKey } from '../../../application/keys/get-data-key.js';
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
