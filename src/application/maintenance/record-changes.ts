// Writes what a repair found out: the audit line first, then the store, by compare-and-set. An unknown outcome is settled by
// reading what is there; what is told to be done was seen to be done (I8).
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { AuditUnavailable, KeyNotFound, RepairFailure } from '../../domain/failures/key-failures.js';
import type {
  KeyCopiesNeeded,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { Region } from '../../domain/ids.js';
import { holdsCiphertext, type KeyRecord } from '../../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { appendAuditEntry } from '../access/append-audit-entry.js';
import type { StoreCalls } from '../store/store-calls.js';
import type { ChangeAuthor } from '../../ports/audit-log.js';

/** Regions whose ciphertexts joined the record, took the place of unreadable ones, or were taken out. */
export interface RecordChange {
  readonly added: readonly Region[];
  readonly replaced: readonly Region[];
  readonly dropped: readonly Region[];
}

export const noChange: RecordChange = { added: [], replaced: [], dropped: [] };

/** What of a change is in the store. */
export interface WrittenChange extends RecordChange {
  /** Somebody else changed the record meanwhile; the rest was not written. */
  readonly stale: boolean;
  readonly failure?: RepairFailure;
}

type ChangeFailure = StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded;

const changedMeanwhile: StoreRevisionStale = { kind: 'store.revision-stale' };

export class RecordChanges {
  constructor(
    private readonly store: StoreCalls,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly author: ChangeAuthor,
  ) {}

  /** The record as it is now. */
  read(
    { id, version }: KeyRecord,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreReadFailure | KeyNotFound> {
    return this.store
      .read((store, bounds) => store.find(id, version, bounds), signal)
      .andThen((found) => (found ? ok(found) : err<KeyRecord, KeyNotFound>({ kind: 'key.not-found' })));
  }

  /** Adds `ciphertexts`, those of `change`, and drops what `change` drops. Never fails; tells what was done. */
  async write(
    record: KeyRecord,
    ciphertexts: readonly RegionalCiphertext[],
    change: RecordChange,
    signal: AbortSignal,
  ): Promise<WrittenChange> {
    const { added, replaced, dropped } = change;
    if (added.length + replaced.length + dropped.length === 0) return { ...noChange, stale: false };
    if (signal.aborted) return { ...noChange, stale: false, failure: { kind: 'call.aborted' } };
    const audited = await this.tell(record, change, 'repaired');
    if (audited.isErr()) return { ...noChange, stale: false, failure: audited.error };
    const grown = await this.grow(record, ciphertexts, signal);
    if (grown.isErr()) return this.refused(record, change, grown.error, noChange);
    // Nothing is dropped from a record that is not exactly the one whose copies were proven.
    const expected = record.revision + (ciphertexts.length > 0 ? 1 : 0);
    const shrunk =
      dropped.length === 0 || grown.value.revision === expected
        ? await this.shrink(grown.value, dropped, signal)
        : err(changedMeanwhile);
    if (shrunk.isErr()) return this.refused(record, change, shrunk.error, { ...change, dropped: [] });
    return { ...change, stale: false };
  }

  private async grow(
    record: KeyRecord,
    ciphertexts: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, ChangeFailure>> {
    if (ciphertexts.length === 0) return ok(record);
    const written = await this.store.change<KeyRecord, StoreRevisionStale>(
      (store, bounds) => store.addCiphertexts(record, ciphertexts, bounds),
      signal,
    );
    return this.settled(
      written,
      record,
      (found) => ciphertexts.every((each) => holdsCiphertext(found, each)),
      signal,
    );
  }

  private async shrink(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, ChangeFailure>> {
    if (regions.length === 0) return ok(record);
    const written = await this.store.change<KeyRecord, StoreRevisionStale | KeyCopiesNeeded>(
      (store, bounds) => store.dropCiphertexts(record, regions, bounds),
      signal,
    );
    const isDone = (found: KeyRecord): boolean => !regions.some((region) => found.ciphertexts.has(region));
    return this.settled(written, record, isDone, signal);
  }

  /** What the store holds after a write that was not refused: the change, or something to be looked at anew. */
  private async settled(
    written: Result<KeyRecord, ChangeFailure>,
    record: KeyRecord,
    isDone: (found: KeyRecord) => boolean,
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, ChangeFailure>> {
    if (written.isErr() && written.error.kind !== 'store.outcome-unknown') return written;
    const found = await this.read(record, signal);
    if (found.isErr()) return err({ kind: 'store.outcome-unknown', cause: found.error });
    const isSame = found.value.commitment === record.commitment;
    return isSame && isDone(found.value) ? ok(found.value) : err(changedMeanwhile);
  }

  /** The line that was written before promised more than was done: a second one takes it back. */
  private async refused(
    record: KeyRecord,
    change: RecordChange,
    failure: ChangeFailure,
    done: RecordChange,
  ): Promise<WrittenChange> {
    const told = await this.tell(record, change, failure.kind);
    if (told.isErr()) return { ...done, stale: false, failure: told.error };
    return failure.kind === 'store.revision-stale'
      ? { ...done, stale: true }
      : { ...done, stale: false, failure };
  }

  private tell(
    { id, version }: KeyRecord,
    { added, replaced, dropped }: RecordChange,
    outcome: string,
  ): ResultAsync<void, AuditUnavailable> {
    const facts = { timeMs: this.clock.nowMs(), ...this.author, outcome };
    const entry = { ...facts, action: 'key.repair', id, version, added, replaced, dropped } as const;
    return appendAuditEntry(this.audit, entry, { clock: this.clock });
  }
}
