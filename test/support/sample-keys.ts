// Data keys for tests, and ways to look at them. Two DataKeys look alike to jest's matchers, since nothing of them can be
// seen from outside: compare what these functions answer instead.
import { randomBytes } from 'node:crypto';
import type { Result } from 'neverthrow';
import { DataKey, type DataKeyLength } from '../../src/domain/keys/data-key.js';

export const randomKey = (length: DataKeyLength = 32): DataKey =>
  DataKey.take(randomBytes(length))._unsafeUnwrap();

/** A key of exactly these bytes, which stay as they are. */
export const keyOf = (bytes: Uint8Array): DataKey => DataKey.take(new Uint8Array(bytes))._unsafeUnwrap();

export const hexOf = (key: DataKey): string => key.reveal((bytes) => Buffer.from(bytes).toString('hex'));

export function isWiped(key: DataKey): boolean {
  try {
    hexOf(key);
    return false;
  } catch {
    return true;
  }
}

/** The result with its key in hex, to be compared as a whole. */
export const revealed = <T extends { readonly key: DataKey }, F>(
  result: Result<T, F>,
): Result<Omit<T, 'key'> & { readonly key: string }, F> =>
  result.map(({ key, ...rest }) => ({ ...rest, key: hexOf(key) }));
