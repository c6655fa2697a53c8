// A secret in all the spellings in which it could leak, and one pass over any number of bytes that looks for all of them.

/** One spelling of a secret, at least eight bytes long. */
export interface Needle {
  readonly secret: string;
  readonly form: string;
  readonly bytes: Buffer;
}

/** Base64 of the bytes when `shift` others stand before them, without the characters that those others take part in. */
function base64At(shift: number, bytes: Uint8Array): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
  const whole = Math.floor(((shift + bytes.length) * 8) / 6);
  return text.slice(shift === 0 ? 0 : shift + 1, whole);
}

const eachByte = (bytes: Uint8Array, show: (byte: number) => string, between: string): string =>
  Array.from(bytes, show).join(between);
const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

/** :: form -> its spellings; what prints lists of bytes may cut them short, so their first sixteen are enough. */
function spellingsOf(secret: Uint8Array): Readonly<Record<string, readonly string[]>> {
  const hex = Buffer.from(secret).toString('hex');
  const base64 = [0, 1, 2].map((shift) => base64At(shift, secret));
  const start = secret.subarray(0, 16);
  const percent = eachByte(secret, (byte) => `%${hexOf(byte)}`, '');
  const escape = (text: string): string => encodeURIComponent(text);
  return {
    hex: [hex, hex.toUpperCase()],
    'hex with spaces': [eachByte(start, hexOf, ' '), eachByte(start, hexOf, ' ').toUpperCase()],
    'list of numbers': [eachByte(start, String, ','), eachByte(start, String, ', ')],
    base64,
    base64url: base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    'base64 in JSON or a URL': base64
      .filter((text) => /[+/]/.test(text))
      .flatMap((text) => [text.replaceAll('/', '\\/'), escape(text), escape(text).toLowerCase()]),
    percent: [percent, percent.toUpperCase()],
  };
}

/** Every spelling of the secret `bytes`, which is called `secret`. */
export function needlesOf(secret: string, bytes: Uint8Array): readonly Needle[] {
  return [
    { secret, form: 'raw', bytes: Buffer.from(bytes) },
    { secret, form: 'raw, backwards', bytes: Buffer.from(bytes).reverse() },
    ...Object.entries(spellingsOf(bytes)).flatMap(([form, texts]) =>
      texts.map((text) => ({ secret, form, bytes: Buffer.from(text, 'latin1') })),
    ),
  ];
}

/** Looks for many needles in one pass: a bit for their first three bytes says where it is worth looking closer. */
export class NeedleSearch {
  /** Of the longest needle, in bytes. */
  readonly longest: number;
  readonly #worth = new Uint8Array(1 << 21);
  readonly #byPrefix: ReadonlyMap<number, readonly Needle[]>;

  constructor(needles: readonly Needle[]) {
    this.longest = needles.reduce((longest, { bytes }) => Math.max(longest, bytes.length), 0);
    this.#byPrefix = Map.groupBy(needles, ({ bytes }) => bytes.readUIntLE(0, 3));
    for (const prefix of this.#byPrefix.keys()) {
      this.#worth[prefix >> 3] = (this.#worth[prefix >> 3] ?? 0) | (1 << (prefix & 7));
    }
  }

  /** Calls `onFound` for each place where a needle begins. */
  in(haystack: Buffer, onFound: (needle: Needle, at: number) => void): void {
    const worth = this.#worth;
    let prefix = ((haystack[0] ?? 0) << 8) | ((haystack[1] ?? 0) << 16);
    for (let at = 0, last = haystack.length - 2; at < last; at += 1) {
      prefix = (prefix >>> 8) | ((haystack[at + 2] ?? 0) << 16);
      if (((worth[prefix >> 3] ?? 0) & (1 << (prefix & 7))) !== 0) {
        for (const needle of this.#byPrefix.get(prefix) ?? []) {
          const { bytes } = needle;
          if (bytes.equals(haystack.subarray(at, at + bytes.length))) onFound(needle, at);
        }
      }
    }
  }
}
