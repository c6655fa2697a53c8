// Where the keys of an issuer come from, and where their last good copy is stored. A source delivers unchecked text, within
// bounds of time and size.
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { readFileSync } from 'node:fs';
import { codeOf } from '../files/private-files.js';

/** `reason` is for the log: what happened, without anything that was received. */
export interface KeySetUnavailable {
  readonly kind: 'key-set.unavailable';
  readonly reason: string;
}

export interface KeySetSource {
  /** The current text of the set. */
  read(): ResultAsync<string, KeySetUnavailable>;
}

/** A set that was usable when it was read, at `readMs`, in milliseconds since 1970. */
export interface LastGood {
  readonly readMs: number;
  readonly text: string;
}

export interface LastGoodStore {
  /** Undefined if there is no copy, or no usable one. */
  load(): LastGood | undefined;
  save(copy: LastGood): void;
}

/** The keys in a local file, for issuers that RKMS cannot or must not connect to. */
export class FileKeySet implements KeySetSource {
  constructor(private readonly path: string) {}

  read(): ResultAsync<string, KeySetUnavailable> {
    try {
      return okAsync(readFileSync(this.path, 'utf8'));
    } catch (cause) {
      return errAsync({ kind: 'key-set.unavailable', reason: codeOf(cause) });
    }
  }
}

/** For keys from a file, which needs no copy. */
export const noCopy: LastGoodStore = { load: () => undefined, save: () => undefined };
