// Base64 (RFC 4648, with padding) from bytes to bytes, for key material: it must never become a string, because a string
// cannot be overwritten in memory. Reading is strict about alphabet and padding.

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const padding = '='.charCodeAt(0);
const noDigit = 255;
/** :: character code -> the six bits it stands for, or `noDigit` */
const bitsOf = new Uint8Array(256).fill(noDigit);
for (const [bits, code] of alphabet.entries()) bitsOf[code] = bits;

/** The number of base64 characters for `bytes` bytes, padding included. */
export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4;

/** Writes the padded base64 of `bytes` into `target`, whose length must be `base64Length(bytes.length)`. */
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

/** The decoded bytes in new memory, or undefined if `text` is not padded base64; nothing of it remains in memory then. */
export function readBase64(text: Uint8Array): Uint8Array | undefined {
  const digits = digitsIn(text);
  const padded = text.length % 4 === 0 && text.length - digits <= 2;
  if (!padded || text.subarray(digits).some((code) => code !== padding)) return undefined;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  for (let at = 0, to = 0, bits = 0; at < digits; at += 1) {
    const six = bitsOf[text[at] ?? 0] ?? noDigit;
    if (six === noDigit) {
      bytes.fill(0);
      return undefined;
    }
    bits = ((bits << 6) | six) & 0xffffff;
    if (at % 4 !== 0) bytes[to++] = (bits >> (6 - 2 * (at % 4))) & 255;
  }
  return bytes;
}

/** The number of characters before the padding. */
export function digitsIn(text: Uint8Array): number {
  const end = text.indexOf(padding);
  return end < 0 ? text.length : end;
}
