// Encrypts a key in one region and has that region decrypt the ciphertext again. Only a ciphertext that gave the same
// key counts as a copy of the key (I2, I6).
import { err, ok } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionAct, RegionCalls } from '../regions/region-calls.js';
import type { Wrapped } from './wrapping-round.js';

/** The proven ciphertext. `key` is only read. `onOverdue`: see `RegionCalls.call`. */
export async function wrapAndProve(
  calls: Pick<RegionCalls, 'call'>,
  vault: KeyVault,
  key: DataKey,
  context: EncryptionContext,
  signal: AbortSignal,
  onOverdue: () => void = () => undefined,
): Promise<Wrapped> {
  const keyId = context['rkms:id'];
  const encrypting: RegionAct<RegionalCiphertext> = {
    operation: 'encrypt',
    keyId,
    run: (at, own) => at.encrypt(key, context, own),
  };
  const encrypted = await calls.call(vault, encrypting, signal, false, onOverdue);
  if (encrypted.isErr()) return encrypted;
  const proving: RegionAct<RegionalCiphertext> = {
    operation: 'read-back',
    keyId,
    run: (at, own) => proven(at, key, encrypted.value, context, own),
  };
  return calls.call(vault, proving, signal, false, onOverdue);
}

/** The ciphertext, if its own region decrypts it to the same key. */
async function proven(
  vault: KeyVault,
  key: DataKey,
  ciphertext: RegionalCiphertext,
  context: EncryptionContext,
  signal: AbortSignal,
): Promise<Wrapped> {
  const decrypted = await vault.decrypt(ciphertext, context, signal);
  if (decrypted.isErr()) return err(decrypted.error);
  const readBack = decrypted.value;
  try {
    const same = ciphertext.region === vault.region && readBack.equals(key);
    return same ? ok(ciphertext) : err({ kind: 'ciphertext.mismatched', reason: 'read-back' });
  } finally {
    // Also when `equals` throws because `key` was wiped, since the result is no longer needed.
    readBack.wipe();
  }
}
