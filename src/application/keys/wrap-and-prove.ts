// Encrypts a key in one region and has that region decrypt the ciphertext again. Only a ciphertext that gave the same
// key counts as a copy of the key (I2, I6).
import { err, ok, type ResultAsync } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionCalls } from '../regions/region-calls.js';

/** The proven ciphertext. `key` is only read. `onOverdue`: see `RegionCalls.call`. */
export function wrapAndProve(
  calls: Pick<RegionCalls, 'call'>,
  vault: KeyVault,
  key: DataKey,
  context: EncryptionContext,
  signal: AbortSignal,
  onOverdue: () => void = () => undefined,
): ResultAsync<RegionalCiphertext, VaultFailure> {
  const keyId = context['rkms:id'];
  const encrypted = calls.call(
    vault,
    { operation: 'encrypt', keyId, run: (at, attempt) => at.encrypt(key, context, attempt) },
    signal,
    false,
    onOverdue,
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
      false,
      onOverdue,
    ),
  );
}

/** The ciphertext, if its own region decrypts it to the same key. */
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
      // Also when `equals` throws because `key` was wiped, since the result is no longer needed.
      readBack.wipe();
    }
  });
}
