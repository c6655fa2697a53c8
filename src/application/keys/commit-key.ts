// Makes a data key the key of an id: encrypts it in every region and stores it. A conditional write that succeeded is
// believed. After any other answer, the record that the store then holds decides (I1, I8).
import { err, ok, type Result } from 'neverthrow';
import type { WrapFailure } from '../../domain/failures/key-failures.js';
import type { StoreOutcomeUnknown, StoreWriteFailure } from '../../domain/failures/store-failures.js';
import type { DataKey } from '../../domain/keys/data-key.js';
import { encryptionContext, type KeyName } from '../../domain/keys/encryption-context.js';
import {
  hasSameCopies,
  holdsCiphertext,
  newKeyRecord,
  type KeyRecord,
} from '../../domain/keys/key-record.js';
import type { Clock } from '../../ports/clock.js';
import { findRecord, type StoreCalls } from '../store/store-calls.js';
import type { WrapInEveryRegion } from './wrap-in-every-region.js';

/** What the store holds for the id afterwards, by whichever process it was written. */
export interface CommittedRecord {
  readonly record: KeyRecord;
  /** Whether the record has the name that was asked for and commits to our key. */
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

  /** `key` is only read. After any failure but `store.outcome-unknown`, nothing was stored. */
  async commit(
    key: DataKey,
    name: KeyName,
    signal: AbortSignal,
  ): Promise<Result<CommittedRecord, CommitFailure>> {
    const { id, version } = name;
    const commitment = key.commitmentFor(id, version);
    const wrapped = await this.wrapping.wrap(key, encryptionContext(name, commitment), signal);
    if (wrapped.isErr()) return err(wrapped.error);
    const { ciphertexts } = wrapped.value;
    const facts = { id, version, commitment, createdAtMs: this.clock.nowMs() };
    const inserted = await this.insert(newKeyRecord(facts, ciphertexts), signal);
    if (inserted.isErr()) return err(inserted.error);
    const record = inserted.value;
    const commits = record.id === id && record.version === version && record.commitment === commitment;
    const held = ciphertexts.filter((each) => holdsCiphertext(record, each)).length;
    return ok({ record, commits, held });
  }

  /**
   * Inserts. Unless the store answers with exactly our record, reads what is there: our record, or that of the process
   * that was first. Without a record the outcome is unknown, because a write that is still on its way may yet succeed.
   */
  private async insert(
    record: KeyRecord,
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, StoreWriteFailure>> {
    const unknown: StoreOutcomeUnknown = { kind: 'store.outcome-unknown' };
    const inserted = await this.store.write(
      { operation: 'insert', run: (store, own) => store.insert(record, own) },
      signal,
    );
    if (inserted.isErr() && inserted.error.kind !== 'store.outcome-unknown') return err(inserted.error);
    if (inserted.isOk() && inserted.value.id === record.id && hasSameCopies(inserted.value, record)) {
      return ok(inserted.value);
    }
    const found = await this.store.read(findRecord(record.id, record.version), signal);
    if (found.isErr()) {
      return err(found.error.kind === 'key.unreadable' ? found.error : { ...unknown, cause: found.error });
    }
    if (found.value) return ok(found.value);
    return err(inserted.isErr() ? inserted.error : unknown);
  }
}

/** What it means when our own record holds fewer of the proven ciphertexts than the quorum (I2). */
export const lostCopies: StoreOutcomeUnknown = {
  kind: 'store.outcome-unknown',
  cause: 'the stored record lacks proven ciphertexts',
};
