// Looks for secrets where none may be: keys and the secrets of tokens, in every spelling in which they could leak. What is
// to be looked for is also told to the hunt over the whole test run.
import { needlesOf, NeedleSearch, type Needle } from './needles.js';
import { tellSecret } from './hunted-run.js';

export class SecretHunt {
  readonly #secrets = new Map<string, readonly Needle[]>();
  #search: NeedleSearch | undefined;

  get size(): number {
    return this.#secrets.size;
  }

  get needles(): readonly Needle[] {
    return [...this.#secrets.values()].flat();
  }

  addKey(base64: string): void {
    this.#add(base64, Buffer.from(base64, 'base64'));
  }

  /** The secret part alone: the public id may be shown. */
  addToken(token: string): void {
    const secret = token.split('_').slice(2, -1).join('_');
    this.#add(secret, Buffer.from(secret, 'base64url'));
  }

  /** Which secrets are in there, in which forms. */
  findIn(bytes: Uint8Array): readonly string[] {
    const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const found = new Set<string>();
    this.#search ??= new NeedleSearch(this.needles);
    this.#search.in(haystack, ({ secret, form }) => found.add(`${secret} ${form}`));
    return [...found].map((each) => each.slice(each.indexOf(' ') + 1));
  }

  #add(name: string, secret: Uint8Array): void {
    if (this.#secrets.has(name)) return;
    this.#secrets.set(name, needlesOf(name, secret));
    this.#search = undefined;
    tellSecret(secret);
  }
}
