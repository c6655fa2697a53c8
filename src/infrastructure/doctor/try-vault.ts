// Proves each permission that RKMS needs in a region by using it: a temporary key is generated, encrypted, decrypted and
// compared. Nothing of it is kept, and its encryption context names an id that no key can have.
import { randomBytes } from 'node:crypto';
import { err, ok, type Result } from 'neverthrow';
import { DataKey } from '../../domain/keys/data-key.js';
import { generationContext } from '../../domain/keys/encryption-context.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import { firstVersion, type Deployment, type KeyId } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';

/** Ids that callers can have start with a letter or digit. */
const doctorId = '_rkms/doctor' as KeyId;

type Outcome = Result<void, VaultFailure>;

export interface TriedVault {
  readonly generate: Outcome;
  readonly encrypt: Outcome;
  /** `made-up`: nothing could be encrypted, and a made-up ciphertext was rejected for itself, not for us. */
  readonly decrypt: Outcome | 'made-up';
  /** How long the fastest decryption took; undefined where none succeeded. */
  readonly decryptMs: number | undefined;
}

/** Tries one after the other until the signal fires; what comes after is not tried then. */
export async function tryVault(
  vault: KeyVault,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<TriedVault> {
  const context = generationContext({ deployment, id: doctorId, version: firstVersion });
  const generated = await vault.generateDataKey(32, context, signal);
  const generate = generated.map(() => undefined);
  const own = DataKey.take(randomBytes(32));
  if (own.isErr()) throw new Error('32 bytes are no data key');
  const key = generated.unwrapOr(own.value);
  try {
    const encrypted = await vault.encrypt(key, context, signal);
    const encrypt = encrypted.map(() => undefined);
    if (encrypted.isErr()) {
      const madeUp = { region: vault.region, kmsKey: '', bytes: randomBytes(184) };
      const rejected = await vault.decrypt(madeUp, context, signal);
      const isOurs = rejected.isErr() && rejected.error.kind === 'ciphertext.rejected';
      const decrypt = isOurs ? 'made-up' : rejected.map(wiped);
      return { generate, encrypt, decrypt, decryptMs: undefined };
    }
    const open = (): Promise<Opened> => opened(vault, encrypted.value, key);
    const first = await open();
    // The first one may have waited for a connection.
    const second = first.outcome.isOk() ? await open() : first;
    const decryptMs = second.outcome.isOk() ? Math.min(first.tookMs, second.tookMs) : undefined;
    return { generate, encrypt, decrypt: second.outcome, decryptMs };
  } finally {
    key.wipe();
    own.value.wipe();
  }

  async function opened(from: KeyVault, ciphertext: RegionalCiphertext, right: DataKey): Promise<Opened> {
    const startMs = performance.now();
    const decrypted = await from.decrypt(ciphertext, context, signal);
    const tookMs = performance.now() - startMs;
    const outcome = decrypted.andThen((found): Outcome => {
      const isRight = found.isCommittedBy(
        right.commitmentFor(doctorId, firstVersion),
        doctorId,
        firstVersion,
      );
      found.wipe();
      return isRight ? ok() : mismatched();
    });
    return { outcome, tookMs };
  }
}

interface Opened {
  readonly outcome: Outcome;
  readonly tookMs: number;
}

const wiped = (key: DataKey): void => {
  key.wipe();
};

const mismatched = (): Outcome => err({ kind: 'ciphertext.mismatched', reason: 'read-back' });
