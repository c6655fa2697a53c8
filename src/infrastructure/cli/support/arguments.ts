// The arguments that name a key: its id and its version.
import { InvalidArgumentError } from 'commander';
import { parseKeyId, parseKeyVersion, type KeyId, type KeyVersion } from '../../../domain/ids.js';

export function keyIdOf(text: string): KeyId {
  const id = parseKeyId(text);
  if (id.isOk()) return id.value;
  throw new InvalidArgumentError(`An id has ${id.error.expected}.`);
}

export function keyVersionOf(text: string): KeyVersion {
  const version = parseKeyVersion(/^\d{1,10}$/.test(text) ? Number(text) : NaN);
  if (version.isOk()) return version.value;
  throw new InvalidArgumentError(`A version is ${version.error.expected}.`);
}
