// One canary per region: a key that protects nothing, encrypted by the region while it was well. Opening it again proves
// that the region works, and that it still answers with what was put in. Where we may not make one, the region is asked
// about its KMS key instead. Only the canary's commitment is kept, so no plaintext stays behind.
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

/** Not an id that a caller could have: it only tells the canaries' calls apart in KMS's logs. */
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

  /** Opens the region's canary, or makes one; emits how that ended. Unsubscribing aborts the call. */
  probe(region: Region): Observable<VaultFailure | undefined> {
    const vault = this.vaults.find((each) => each.region === region);
    if (vault === undefined) throw new Error(`there is no vault in ${region}`);
    return observableCall((signal) => this.check(vault, signal)).pipe(
      map((result) => (result.isErr() ? result.error : undefined)),
    );
  }

  /** Ok when the region opens its canary to the right key. */
  check(vault: KeyVault, signal: AbortSignal): ResultAsync<void, VaultFailure> {
    const canary = this.canaries.get(vault.region);
    if (canary !== undefined) return this.reopen(vault, canary, signal);
    return this.plant(vault, signal)
      .orElse((failure) => (isDenied(failure) ? ok(undefined) : err(failure)))
      .andThen((planted) => (planted ? this.reopen(vault, planted, signal) : vault.probe(signal)));
  }

  private plant(vault: KeyVault, signal: AbortSignal): ResultAsync<Canary | undefined, VaultFailure> {
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

  private reopen(vault: KeyVault, canary: Canary, signal: AbortSignal): ResultAsync<void, VaultFailure> {
    return vault
      .decrypt(canary.ciphertext, this.context, signal)
      .andThen((opened): Result<void, VaultFailure> => {
        const isRight = opened.isCommittedBy(canary.commitment, canaryId, firstVersion);
        opened.wipe();
        return isRight ? ok(undefined) : err(mismatched);
      })
      .mapErr((failure) => {
        // Made under a KMS key that is no more: the next probe makes a new one, unless another has done so meanwhile.
        const isGone = failure.kind === 'ciphertext.rejected';
        if (isGone && this.canaries.get(vault.region) === canary) this.canaries.delete(vault.region);
        return failure;
      });
  }
}

/** A process that only reads may have no right to generate or to encrypt. */
const isDenied = (failure: VaultFailure): boolean =>
  failure.kind === 'vault.misconfigured' && failure.reason === 'access-denied';
