// The body of an answer that carries a key. The key becomes base64 straight in the body's own buffer and never a string,
// so that wiping the buffer leaves nothing behind.
import type { ServedKey } from '../../application/get-data-key.js';

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const padding = '='.charCodeAt(0);

/** `{"id","version","key"}` with the key as base64, in memory that belongs to the caller. */
export function keyBody({ id, version, key }: ServedKey): Buffer {
  const head = `{"id":${JSON.stringify(id)},"version":${version},"key":"`;
  const tail = '"}\n';
  const headBytes = Buffer.byteLength(head);
  const keyChars = Math.ceil(key.length / 3) * 4;
  const body = Buffer.alloc(headBytes + keyChars + tail.length);
  body.write(head);
  key.reveal((plaintext) => {
    writeBase64(plaintext, body.subarray(headBytes, headBytes + keyChars));
  });
  body.write(tail, headBytes + keyChars);
  return body;
}

/** Writes the standard base64 of `bytes`, with padding, over `target`, which must be as long. */
export function writeBase64(bytes: Uint8Array, target: Uint8Array): void {
  const digit = (bits: number): number => alphabet[bits & 63] ?? 0;
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const left = bytes.length - from;
    const bits = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    target[to] = digit(bits >> 18);
    target[to + 1] = digit(bits >> 12);
    target[to + 2] = left > 1 ? digit(bits >> 6) : padding;
    target[to + 3] = left > 2 ? digit(bits) : padding;
  }
}
