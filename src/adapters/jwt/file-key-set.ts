// An issuer's keys from a file, for issuers that this service cannot or should not reach.
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { readFileSync } from 'node:fs';
import { codeOf } from '../files/private-files.js';
import type { KeySetSource, KeySetUnavailable, LastGoodStore } from './key-set-source.js';

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

/** A file needs no copy: it is one. */
export const noCopy: LastGoodStore = { load: () => undefined, save: () => undefined };
