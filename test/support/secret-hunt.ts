// Looks for secrets where none may be: keys raw, in hex and in base64 however they may be cut, and the secrets of tokens.

interface Disguise {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Base64 of the bytes when `shift` others stand before them, without the characters that those others take part in. */
function base64At(shift: number, bytes: Uint8Array): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
  const whole = Math.floor(((shift + bytes.length) * 8) / 6);
  return text.slice(shift === 0 ? 0 : shift + 1, whole);
}

function disguisesOf(key: Uint8Array): readonly Disguise[] {
  const hex = Buffer.from(key).toString('hex');
  const base64 = [0, 1, 2].map((shift) => base64At(shift, key));
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const texts = { hex: [hex, hex.toUpperCase()], base64, base64url: url };
  return [
    { name: 'raw', bytes: Buffer.from(key) },
    ...Object.entries(texts).flatMap(([name, forms]) =>
      forms.map((text) => ({ name, bytes: Buffer.from(text) })),
    ),
  ];
}

export class SecretHunt {
  readonly #secrets = new Map<string, readonly Disguise[]>();

  get size(): number {
    return this.#secrets.size;
  }

  addKey(base64: string): void {
    this.#secrets.set(base64, disguisesOf(Buffer.from(base64, 'base64')));
  }

  /** The secret part alone: the public id may be shown. */
  addToken(token: string): void {
    const secret = token.split('_').slice(2, -1).join('_');
    this.#secrets.set(secret, disguisesOf(Buffer.from(secret, 'base64url')));
  }

  /** Which secrets are in there, in which disguise. */
  findIn(bytes: Uint8Array): readonly string[] {
    const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return [...this.#secrets.values()].flatMap((disguises) =>
      disguises.flatMap(({ name, bytes: needle }) => (haystack.includes(needle) ? [name] : [])),
    );
  }
}
