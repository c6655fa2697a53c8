// Opens a stored key with whichever region answers first with the right plaintext. A plaintext that fails the record's
// commitment is wiped here and never seen outside (I4).
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { DataKey } from '../domain/data-key.js';
import { encryptionContext } from '../domain/encryption-context.js';
import type { FailedAttempt, OpenFailure, VaultFailure } from '../domain/failures.js';
import type { Deployment, Region } from '../domain/ids.js';
import type { KeyRecord } from '../domain/key-record.js';
import type { RegionalCiphertext } from '../domain/regional-ciphertext.js';
import type { KeyVault } from '../ports/key-vault.js';
import type { RegionAct, RegionCalls } from './region-calls.js';

/** An opened key, and the region that opened it. The key belongs to whoever receives it. */
export interface OpenedKey {
  readonly key: DataKey;
  readonly region: Region;
}

export class UnwrapInAnyRegion {
  constructor(
    private readonly regions: RegionCalls,
    private readonly deployment: Deployment,
  ) {}

  /** Regions without a ciphertext are passed over; ciphertexts of regions that are not configured are not used. */
  open(record: KeyRecord, signal: AbortSignal): ResultAsync<OpenedKey, OpenFailure> {
    const has = (region: Region): boolean => record.ciphertexts.has(region);
    return new ResultAsync(this.regions.firstAnswer(this.decrypting(record), signal, has))
      .map(({ region, value }) => ({ key: value, region }))
      .mapErr((attempts) => whyClosed(attempts));
  }

  private decrypting(record: KeyRecord): RegionAct<DataKey> {
    const { id, version, commitment } = record;
    const context = encryptionContext({ deployment: this.deployment, id, version }, commitment);
    return {
      operation: 'decrypt',
      keyId: id,
      run: (vault, signal) =>
        vault
          .decrypt(ciphertextOf(record, vault), context, signal)
          .andThen((key) => (key.isCommittedBy(commitment, id, version) ? ok(key) : refused(key))),
      discard: (late) => {
        late.wipe();
      },
    };
  }
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

/** What the failures of all regions mean together. */
function whyClosed(attempts: readonly FailedAttempt[]): OpenFailure {
  const last = attempts.at(-1)?.failure;
  if (last === undefined) return unreadable('no-configured-region', 'no configured region holds a copy');
  if (last.kind === 'call.aborted' || last.kind === 'vault.request-invalid') return last;
  if (attempts.every(({ failure }) => isFaultOfCopy(failure))) {
    return unreadable('no-copy-opens', `tried ${attempts.map(({ region }) => region).join(', ')}`);
  }
  const allSame = attempts.every(({ failure }) => failure.kind === last.kind);
  return last.kind === 'credentials.invalid' && allSame ? last : { kind: 'regions.exhausted', attempts };
}

const isFaultOfCopy = ({ kind }: VaultFailure): boolean =>
  kind === 'ciphertext.rejected' || kind === 'ciphertext.mismatched';

const unreadable = (reason: 'no-configured-region' | 'no-copy-opens', detail: string): OpenFailure => ({
  kind: 'key.unreadable',
  reason,
  detail,
});
