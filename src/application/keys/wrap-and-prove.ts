// Encrypts a key in one region and has that region prove its ciphertext by opening it again. Only what comes out of here
// counts as a copy of the key (I2, I6).
import { err, ok, type ResultAsync } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionCalls } from '../regions/region-calls.js';

/** `key` is only read. */
export function wrapAndProve(
  calls: Pick<RegionCalls, 'call'>,
  vault: KeyVault,
  key: DataKey,
  context: EncryptionContext,
  signal: AbortSignal,
): ResultAsync<RegionalCiphertext, VaultFailure> {
  const keyId = context['rkms:id'];
  const encrypted = calls.call(
    vault,
    { operation: 'encrypt', keyId, run: (at, attempt) => at.encrypt(key, context, attempt) },
    signal,
  );
  return encrypted.andThen((ciphertext) =>
    calls.call(
      vault,
      {
        operation: 'read-back',
        keyId,
        run: (at, attempt) => proven(at, key, ciphertext, context, attempt),
      },
      signal,
    ),
  );
}

/** The ciphertext, once its own region has opened it to the same key. */
function proven(
  vault: KeyVault,
  key: DataKey,
  ciphertext: RegionalCiphertext,
  context: EncryptionContext,
  signal: AbortSignal,
): ResultAsync<RegionalCiphertext, VaultFailure> {
  return vault.decrypt(ciphertext, context, signal).andThen((readBack) => {
    try {
      const same = ciphertext.region === vault.region && readBack.equals(key);
      return same ? ok(ciphertext) : err({ kind: 'ciphertext.mismatched', reason: 'read-back' } as const);
    } finally {
      // Also when the key was wiped meanwhile, because nobody waits for this proof any more.
      readBack.wipe();
    }
  });
}
