// One canary per region: a key that protects nothing, encrypted by the region itself. Decrypting it again proves that
// the region works and returns the right plaintext. Without the permission to make one, the probe only asks KMS about
// the KMS key. Never keeps the canary's plaintext, only its commitment.
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { map, type Observable } from 'rxjs';
import type { Commitment } from '../../domain/keys/data-key.js';
import { generationContext, type EncryptionContext } from '../../domain/keys/encryption-context.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import { firstVersion, type Deployment, type KeyId, type Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { observableCall } from '../resilience/observable-call.js';

interface Canary {
  readonly commitment: Commitment;
  readonly ciphertext: RegionalCiphertext;
}

/** No caller can use this id: it marks the calls for canaries in the logs of KMS. */
const canaryId = '_rkms/canary' as KeyId;

const mismatched: VaultFailure = { kind: 'ciphertext.mismatched', reason: 'read-back' };

export class Canaries {
  private readonly canaries = new Map<Region, Canary>();
  private readonly context: EncryptionContext;

  constructor(
    private readonly vaults: readonly KeyVault[],
    deployment: Deployment,
  ) {
    this.context = generationContext({ deployment, id: canaryId, version: firstVersion });
  }

  /** Runs `check` in the region and emits its failure, or undefined. Unsubscribing aborts the call. */
  probe(region: Region): Observable<VaultFailure | undefined> {
    const vault = this.vaults.find((each) => each.region === region);
    if (vault === undefined) throw new Error(`there is no vault in ${region}`);
    return observableCall((signal) => this.check(vault, signal)).pipe(
      map((result) => (result.isErr() ? result.error : undefined)),
    );
  }

  /** Makes the region's canary if there is none, and decrypts it. Ok when that gives the right key. */
  check(vault: KeyVault, signal: AbortSignal): ResultAsync<void, VaultFailure> {
    const known = this.canaries.get(vault.region);
    if (known !== undefined) return this.decrypt(vault, known, signal);
    return this.make(vault, signal)
      .orElse((failure) => (isDenied(failure) ? ok(undefined) : err(failure)))
      .andThen((canary) => (canary ? this.decrypt(vault, canary, signal) : vault.probe(signal)));
  }

  private make(vault: KeyVault, signal: AbortSignal): ResultAsync<Canary | undefined, VaultFailure> {
    return vault.generateDataKey(32, this.context, signal).andThen((key) =>
      vault
        .encrypt(key, this.context, signal)
        .map((ciphertext) => {
          const canary = { commitment: key.commitmentFor(canaryId, firstVersion), ciphertext };
          this.canaries.set(vault.region, canary);
          key.wipe();
          return canary;
        })
        .mapErr((failure) => {
          key.wipe();
          return failure;
        }),
    );
  }

  private decrypt(vault: KeyVault, canary: Canary, signal: AbortSignal): ResultAsync<void, VaultFailure> {
    return vault
      .decrypt(canary.ciphertext, this.context, signal)
      .andThen((opened): Result<void, VaultFailure> => {
        const isRight = opened.isCommittedBy(canary.commitment, canaryId, firstVersion);
        opened.wipe();
        return isRight ? ok(undefined) : err(mismatched);
      })
      .mapErr((failure) => {
        // It was made under a KMS key that is gone: the next probe makes a new one, unless another probe already has.
        const isRejected = failure.kind === 'ciphertext.rejected';
        if (isRejected && this.canaries.get(vault.region) === canary) this.canaries.delete(vault.region);
        return failure;
      });
  }
}

/** A process that only reads keys may have no permission to generate or to encrypt. */
const isDenied = (failure: VaultFailure): boolean =>
  failure.kind === 'vault.misconfigured' && failure.reason === 'access-denied';
