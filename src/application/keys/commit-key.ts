// Makes a key the key of an id: wraps it in every region, stores it, and looks at what the store then holds. Never trusts
// the outcome of its own write: the record found afterwards is the truth (I1, I8).
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { KeyName } from '../../domain/keys/encryption-context.js';
import type { StoreOutcomeUnknown, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import type { WrapFailure } from '../../domain/failures/key-failures.js';
import { holdsCiphertext, newKeyRecord, type KeyRecord } from '../../domain/keys/key-record.js';
import type { Clock } from '../../ports/clock.js';
import type { StoreCalls } from '../store/store-calls.js';
import type { WrapInEveryRegion } from './wrap-in-every-region.js';

/** What the store holds for the id afterwards, whoever wrote it. */
export interface CommittedRecord {
  readonly record: KeyRecord;
  /** Whether the record is of the name that was asked for and commits to our key. */
  readonly commits: boolean;
  /** How many of the ciphertexts that were proven just now the record holds. */
  readonly held: number;
}

export type CommitFailure = WrapFailure | StoreWriteFailure;

export class CommitKey {
  constructor(
    private readonly wrapping: WrapInEveryRegion,
    private readonly store: StoreCalls,
    private readonly clock: Clock,
  ) {}

  /** `key` is only read. Only after `store.outcome-unknown` may a record have been stored although this failed. */
  settle(key: DataKey, name: KeyName, signal: AbortSignal): ResultAsync<CommittedRecord, CommitFailure> {
    return new ResultAsync(this.wrapAndStore(key, name, signal));
  }

  private async wrapAndStore(
    key: DataKey,
    { deployment, id, version }: KeyName,
    signal: AbortSignal,
  ): Promise<Result<CommittedRecord, CommitFailure>> {
    const commitment = key.commitmentFor(id, version);
    const wrapped = await this.wrapping.wrap(key, { deployment, id, version }, signal);
    if (wrapped.isErr()) return err(wrapped.error);
    const { ciphertexts } = wrapped.value;
    const facts = { id, version, commitment, createdAtMs: this.clock.nowMs() };
    const stored = await this.storeOnce(newKeyRecord(facts, ciphertexts), signal);
    return stored.map((record) => ({
      record,
      commits:
        record.id === id && record.version === version && key.isCommittedBy(record.commitment, id, version),
      held: ciphertexts.filter((each) => holdsCiphertext(record, each)).length,
    }));
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

/** What it means when a record of ours holds fewer of the proven ciphertexts than the quorum (I2). */
export const lostCopies: StoreOutcomeUnknown = {
  kind: 'store.outcome-unknown',
  cause: 'the stored record lacks proven ciphertexts',
};
