// Opens the copy of a key that one region holds. A plaintext that does not match the record's commitment is wiped
// here and never returned (I4).
import { err, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import { encryptionContext } from '../../domain/keys/encryption-context.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Deployment } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { RegionAct } from '../regions/region-calls.js';

/** Decrypts the region's copy and checks it. Only for regions that hold a copy; anywhere else it throws, as a bug. */
export function openingCopy(record: KeyRecord, deployment: Deployment): RegionAct<DataKey> {
  const { id, version, commitment } = record;
  const context = encryptionContext({ deployment, id, version }, commitment);
  return {
    operation: 'decrypt',
    keyId: id,
    run: async (vault, signal) => {
      const opened = await vault.decrypt(ciphertextOf(record, vault), context, signal);
      if (opened.isErr()) return opened;
      const key = opened.value;
      return key.isCommittedBy(commitment, id, version) ? opened : refused(key);
    },
    discard: (late) => {
      late.wipe();
    },
  };
}

function ciphertextOf(record: KeyRecord, { region }: KeyVault): RegionalCiphertext {
  const ciphertext = record.ciphertexts.get(region);
  if (ciphertext === undefined) throw new Error(`no ciphertext of ${region} to decrypt`);
  return ciphertext;
}

function refused(key: DataKey): Result<never, VaultFailure> {
  key.wipe();
  return err({ kind: 'ciphertext.mismatched', reason: 'commitment' });
}
