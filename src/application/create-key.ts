// Makes the key that an id does not have yet: generate in one region, wrap in every region, store, and look at what the
// store then holds. Never trusts the outcome of its own write: the record found afterwards is the truth (I1, I8).
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { DataKey, DataKeyLength } from '../domain/data-key.js';
import { generationContext, type KeyName } from '../domain/encryption-context.js';
import type {
  FailedAttempt,
  StoreForeign,
  StoreOutcomeUnknown,
  StoreWriteFailure,
  StoreWrittenElsewhere,
  VaultFailure,
  WrapFailure,
} from '../domain/failures.js';
import { checkGenesis, type WritePlace } from '../domain/genesis.js';
import { firstVersion, type Deployment, type KeyId, type Region } from '../domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../domain/key-record.js';
import type { RegionalCiphertext } from '../domain/regional-ciphertext.js';
import type { Clock } from '../ports/clock.js';
import type { Telemetry } from '../ports/telemetry.js';
import type { RegionAnswer } from './race-regions.js';
import type { RegionAct, RegionCalls } from './region-calls.js';
import type { StoreCalls } from './store-calls.js';
import type { QuorumSettings, WrapInEveryRegion } from './wrap-in-every-region.js';

export interface CreationSettings extends QuorumSettings {
  readonly deployment: Deployment;
  readonly keyLength: DataKeyLength;
  /** Where this process would write; what the genesis record says of it is checked before every creation. */
  readonly writes?: WritePlace;
}

/** The record that the store holds, and our own key if that record is of our making. */
export interface SettledKey {
  readonly record: KeyRecord;
  readonly own?: { readonly key: DataKey; readonly region: Region };
}

export type CreateFailure = WrapFailure | StoreWriteFailure | StoreForeign | StoreWrittenElsewhere;

export class CreateKey {
  constructor(
    private readonly regions: RegionCalls,
    private readonly wrapping: WrapInEveryRegion,
    private readonly store: StoreCalls,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly settings: CreationSettings,
  ) {}

  /** Fails with nothing released; only after `store.outcome-unknown` may a record have been stored. */
  create(id: KeyId, signal: AbortSignal): ResultAsync<SettledKey, CreateFailure> {
    const name: KeyName = { deployment: this.settings.deployment, id, version: firstVersion };
    return this.store
      .read((store, bounds) => store.genesis(bounds), signal)
      .andThen((genesis) => checkGenesis(genesis, this.settings))
      .andThen(() => this.generate(name, signal))
      .andThen((generated) => new ResultAsync(this.wrapAndSettle(generated, name, signal)))
      .mapErr((failure) => {
        if (failure.kind === 'regions.below-quorum') {
          this.telemetry.record({ event: 'key.creation-refused', id, failure });
        }
        return failure;
      });
  }

  private generate(name: KeyName, signal: AbortSignal): ResultAsync<RegionAnswer<DataKey>, WrapFailure> {
    const generating: RegionAct<DataKey> = {
      operation: 'generate',
      keyId: name.id,
      run: (vault, bounds) =>
        vault
          .generateDataKey(this.settings.keyLength, generationContext(name), bounds)
          .andThen((key) => ofLength(this.settings.keyLength, key)),
      discard: (late) => {
        late.wipe();
      },
    };
    return new ResultAsync(this.regions.firstAnswer(generating, signal)).mapErr((attempts) =>
      whyNotGenerated(attempts, this.settings.quorum),
    );
  }

  /** Takes over the generated key: it is answered, or wiped. */
  private async wrapAndSettle(
    generated: RegionAnswer<DataKey>,
    name: KeyName,
    signal: AbortSignal,
  ): Promise<Result<SettledKey, CreateFailure>> {
    const { region, value: key } = generated;
    let released = false;
    try {
      const commitment = key.commitmentFor(name.id, name.version);
      const wrapped = await this.wrapping.wrap(key, name, signal);
      if (wrapped.isErr()) return err(wrapped.error);
      const { ciphertexts } = wrapped.value;
      const facts = { id: name.id, version: name.version, commitment, createdAtMs: this.clock.nowMs() };
      const stored = await this.storeOnce(newKeyRecord(facts, ciphertexts), signal);
      if (stored.isErr()) return err(stored.error);
      const record = stored.value;
      const isOurs = record.id === name.id && record.version === name.version;
      if (!isOurs || !key.isCommittedBy(record.commitment, name.id, name.version)) return ok({ record });
      if (countHeld(record, ciphertexts) < this.settings.quorum) return err(lostCopies);
      released = true;
      this.telemetry.record({ event: 'key.created', id: name.id, missing: this.regionsWithout(record) });
      return ok({ record, own: { key, region } });
    } finally {
      if (!released) key.wipe();
    }
  }

  private regionsWithout(record: KeyRecord): readonly Region[] {
    return this.regions.regions.filter((region) => !record.ciphertexts.has(region));
  }

  /** Inserts, then reads what is there: our record, that of whoever was first, or the unknown. */
  private storeOnce(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    const unknown: StoreOutcomeUnknown = { kind: 'store.outcome-unknown' };
    const { id, version } = record;
    return this.store
      .write((store, bounds) => store.insert(record, bounds), signal)
      .map((): StoreOutcomeUnknown => unknown)
      .orElse((failure) =>
        failure.kind === 'store.outcome-unknown' ? ok(failure) : err<never, StoreWriteFailure>(failure),
      )
      .andThen((ifAbsent) =>
        this.store
          .read((store, bounds) => store.find(id, version, bounds), signal)
          .mapErr((failure): StoreWriteFailure =>
            failure.kind === 'key.unreadable' ? failure : { ...unknown, cause: failure },
          )
          .andThen((found) => (found ? ok(found) : err<never, StoreWriteFailure>(ifAbsent))),
      );
  }
}

function ofLength(length: number, key: DataKey): Result<DataKey, VaultFailure> {
  if (key.length === length) return ok(key);
  key.wipe();
  return err({ kind: 'ciphertext.mismatched', reason: 'length' });
}

const lostCopies: StoreOutcomeUnknown = {
  kind: 'store.outcome-unknown',
  cause: 'the stored record lacks proven ciphertexts',
};

/** How many of the proven ciphertexts the record really holds (I2). */
const countHeld = (record: KeyRecord, proven: readonly RegionalCiphertext[]): number =>
  proven.filter(({ region, bytes }) => {
    const held = record.ciphertexts.get(region)?.bytes;
    return held?.length === bytes.length && held.every((byte, index) => byte === bytes[index]);
  }).length;

function whyNotGenerated(attempts: readonly FailedAttempt[], quorum: number): WrapFailure {
  if (attempts.at(-1)?.failure.kind === 'call.aborted') return { kind: 'call.aborted' };
  return { kind: 'regions.below-quorum', proven: 0, quorum, attempts };
}
