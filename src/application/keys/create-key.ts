// Creates the key that an id does not have yet: one region generates it, then it is encrypted in every region and
// stored. Never releases a key that differs from the record that the store holds afterwards, by whichever process it
// was written (I1, I8).
import { err, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import type { DataKey, DataKeyLength } from '../../domain/keys/data-key.js';
import { generationContext, type KeyName } from '../../domain/keys/encryption-context.js';
import type { FailedAttempt, VaultFailure } from '../../domain/failures/region-failures.js';
import type { StoreReadFailure, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import type { WrapFailure } from '../../domain/failures/key-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import { type WritePlace, firstVersion, type Deployment, type KeyId, type Region } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Clock } from '../../ports/clock.js';
import type { Effort, Telemetry } from '../../ports/telemetry.js';
import type { Tracer } from '../../ports/tracer.js';
import { failoverWithout, firstAnswer, type AnswerWithEffort } from '../regions/first-answer.js';
import type { RegionAct, RegionCalls } from '../regions/region-calls.js';
import { lostCopies, CommitKey } from './commit-key.js';
import { GenesisCheck, type GenesisFailure } from './genesis-check.js';
import type { StoreCalls } from '../store/store-calls.js';
import type { QuorumSettings, WrapInEveryRegion } from './wrap-in-every-region.js';
import { traced, untraced } from '../resilience/spans.js';

export interface CreationSettings extends QuorumSettings {
  readonly deployment: Deployment;
  readonly keyLength: DataKeyLength;
  /**
   * This many bytes from this machine's cryptographic random source. They are mixed into every key, so that a region
   * whose random numbers are predictable does not make predictable keys. The region's own ciphertext is not used.
   */
  readonly localRandom: (length: DataKeyLength) => Uint8Array;
  /** Where this process would write; it is compared with the genesis record. */
  readonly writes?: WritePlace;
  readonly gate?: CreationGate;
}

/** What a creation needs from the store: its genesis record, and the gate's answer, which is awaited before the write. */
interface Allowance {
  readonly genesis: Genesis;
  readonly allowed: ResultAsync<void, StoreReadFailure>;
}

/** What must also be right of the store before a key is created, besides the genesis record. */
export interface CreationGate {
  /** Keys are created only after ok. */
  mayCreate(id: KeyId, signal: AbortSignal): ResultAsync<void, StoreReadFailure>;
  /** Called for every key that was created. */
  noteCreated(key: Pick<KeyRecord, 'id' | 'version'>): void;
}

/** The record that the store holds, and our own key if the record is ours. */
export interface StoredKey {
  readonly record: KeyRecord;
  readonly own?: Effort & { readonly key: DataKey; readonly region: Region; readonly genesis: Genesis };
}

export type CreateFailure = WrapFailure | StoreWriteFailure | GenesisFailure;

export class CreateKey {
  private readonly committing: CommitKey;
  private readonly genesis: GenesisCheck;

  constructor(
    private readonly regions: RegionCalls,
    wrapping: WrapInEveryRegion,
    store: StoreCalls,
    clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: CreationSettings,
    private readonly tracer: Tracer = untraced,
  ) {
    this.committing = new CommitKey(wrapping, store, clock);
    this.genesis = new GenesisCheck(store, clock, settings);
  }

  /** Begins to check the store, so that a creation that follows does not wait for it. */
  prepare(): void {
    this.genesis.prepare();
  }

  /** When this fails, no key was released. After any failure but `store.outcome-unknown`, nothing was stored. */
  create(id: KeyId, signal: AbortSignal): ResultAsync<StoredKey, CreateFailure> {
    return traced(this.tracer, 'key.create', {}, () => this.createNew(id, signal));
  }

  private async createNew(id: KeyId, signal: AbortSignal): Promise<Result<StoredKey, CreateFailure>> {
    const name: KeyName = { deployment: this.settings.deployment, id, version: firstVersion };
    const allowed = this.settings.gate?.mayCreate(id, signal) ?? okAsync();
    const genesis = await this.genesis.check();
    if (genesis.isErr()) return err(genesis.error);
    const generated = await this.generate(name, signal);
    const created = generated.isOk()
      ? await this.commit(generated.value, name, { genesis: genesis.value, allowed }, signal)
      : err(whyNotGenerated(generated.error, this.settings.quorum));
    if (created.isErr() && created.error.kind === 'regions.below-quorum')
      this.telemetry.record({ event: 'key.creation-refused', id, failure: created.error });
    return created;
  }

  private generate(
    name: KeyName,
    signal: AbortSignal,
  ): Promise<Result<AnswerWithEffort<DataKey>, readonly FailedAttempt[]>> {
    const { keyLength } = this.settings;
    const context = generationContext(name);
    const generateIn = async (vault: KeyVault, own: AbortSignal): Promise<Result<DataKey, VaultFailure>> => {
      const generated = await vault.generateDataKey(keyLength, context, own);
      return generated.isOk() ? ofLength(keyLength, generated.value) : generated;
    };
    const generating: RegionAct<DataKey> = {
      operation: 'generate',
      keyId: name.id,
      run: generateIn,
      discard: (late) => {
        late.wipe();
      },
    };
    return firstAnswer(this.regions, generating, signal);
  }

  /** Owns the generated key: it is returned, or wiped. */
  private async commit(
    generated: AnswerWithEffort<DataKey>,
    name: KeyName,
    { genesis, allowed }: Allowance,
    signal: AbortSignal,
  ): Promise<Result<StoredKey, CreateFailure>> {
    const { value: key, region, attempts, hedged } = generated;
    let released = false;
    try {
      key.mixWith(this.settings.localRandom(this.settings.keyLength));
      const permission = await allowed;
      if (permission.isErr()) return err(permission.error);
      const committed = await this.committing.commit(key, name, signal);
      if (committed.isErr()) return err(committed.error);
      const { record, commits, held } = committed.value;
      if (!commits) return ok({ record });
      if (held < this.settings.quorum) return err(lostCopies);
      released = true;
      const missing = this.regionsWithout(record);
      this.telemetry.record({ event: 'key.created', id: name.id, missing });
      this.settings.gate?.noteCreated(record);
      const failover = generated.failover ?? failoverWithout(this.regions, missing);
      const effort = { attempts, hedged, ...(failover && { failover }) };
      return ok({ record, own: { key, genesis, region, ...effort } });
    } finally {
      if (!released) key.wipe();
    }
  }

  private regionsWithout(record: KeyRecord): readonly Region[] {
    return this.regions.regions.filter((region) => !record.ciphertexts.has(region));
  }
}

function ofLength(length: number, key: DataKey): Result<DataKey, VaultFailure> {
  if (key.length === length) return ok(key);
  key.wipe();
  return err({ kind: 'ciphertext.mismatched', reason: 'length' });
}

function whyNotGenerated(attempts: readonly FailedAttempt[], quorum: number): WrapFailure {
  if (attempts.at(-1)?.failure.kind === 'call.aborted') return { kind: 'call.aborted' };
  return { kind: 'regions.below-quorum', proven: 0, quorum, attempts };
}
