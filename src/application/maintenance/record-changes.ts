// Writes the outcome of a repair: the audit entry first, then the store, by compare-and-set. After an unknown outcome the
// record is read again; only what the store is seen to hold is reported as done (I8).
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
import type { AuditLog, ChangeAuthor } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { appendAuditEntry } from '../access/append-audit-entry.js';
import { findRecord, type StoreCalls } from '../store/store-calls.js';

/** Regions whose copy was added, replaced because it was unreadable, or dropped because the region is not configured. */
export interface RecordChange {
  readonly added: readonly Region[];
  readonly replaced: readonly Region[];
  readonly dropped: readonly Region[];
}

export const noChange: RecordChange = { added: [], replaced: [], dropped: [] };

export const hasChanges = ({ added, replaced, dropped }: RecordChange): boolean =>
  added.length + replaced.length + dropped.length > 0;

/** The part of a change that is in the store. */
export interface WrittenChange extends RecordChange {
  /** Another process changed the record first; the rest was not written. */
  readonly stale: boolean;
  readonly failure?: RepairFailure;
}

type ChangeFailure = StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded;

const staleRevision: StoreRevisionStale = { kind: 'store.revision-stale' };

/** Changes records on behalf of one author, whom the audit entries name. */
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
      .read(findRecord(id, version), signal)
      .andThen((found) => (found ? ok(found) : err<KeyRecord, KeyNotFound>({ kind: 'key.not-found' })));
  }

  /**
   * Adds `ciphertexts` (those of `change.added` and `change.replaced`), then drops `change.dropped`.
   * Never fails. Adding comes first, so a stop in between leaves more copies, not fewer (I6).
   */
  async write(
    record: KeyRecord,
    ciphertexts: readonly RegionalCiphertext[],
    change: RecordChange,
    signal: AbortSignal,
  ): Promise<WrittenChange> {
    const { dropped } = change;
    if (!hasChanges(change)) return { ...noChange, stale: false };
    if (signal.aborted) return { ...noChange, stale: false, failure: { kind: 'call.aborted' } };
    const audited = await this.appendEntry(record, change, 'repaired');
    if (audited.isErr()) return { ...noChange, stale: false, failure: audited.error };
    const added = await this.add(record, ciphertexts, signal);
    if (added.isErr()) return this.correct(record, change, added.error, noChange);
    // Copies are dropped only from exactly the record whose other copies were proven.
    const expected = record.revision + (ciphertexts.length > 0 ? 1 : 0);
    const isExpected = dropped.length === 0 || added.value.revision === expected;
    const rest = isExpected ? await this.drop(added.value, dropped, signal) : err(staleRevision);
    if (rest.isErr()) return this.correct(record, change, rest.error, { ...change, dropped: [] });
    return { ...change, stale: false };
  }

  /** Succeeds only when the store holds exactly these ciphertexts; compare-and-set on the record's revision. */
  private async add(
    record: KeyRecord,
    ciphertexts: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, ChangeFailure>> {
    if (ciphertexts.length === 0) return ok(record);
    const written = await this.store.write<KeyRecord, StoreRevisionStale>(
      { operation: 'update', run: (store, own) => store.addCiphertexts(record, ciphertexts, own) },
      signal,
    );
    const isDone = (found: KeyRecord): boolean => ciphertexts.every((each) => holdsCiphertext(found, each));
    return this.confirm(written, record, isDone, signal);
  }

  /** Succeeds only when the store holds none of these regions' ciphertexts. */
  private async drop(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, ChangeFailure>> {
    if (regions.length === 0) return ok(record);
    const written = await this.store.write<KeyRecord, StoreRevisionStale | KeyCopiesNeeded>(
      { operation: 'update', run: (store, own) => store.dropCiphertexts(record, regions, own) },
      signal,
    );
    const isDone = (found: KeyRecord): boolean => !regions.some((region) => found.ciphertexts.has(region));
    return this.confirm(written, record, isDone, signal);
  }

  /** Reads the record after a write that succeeded or whose outcome is unknown; stale unless it holds the change. */
  private async confirm(
    written: Result<KeyRecord, ChangeFailure>,
    record: KeyRecord,
    isDone: (found: KeyRecord) => boolean,
    signal: AbortSignal,
  ): Promise<Result<KeyRecord, ChangeFailure>> {
    if (written.isErr() && written.error.kind !== 'store.outcome-unknown') return written;
    const found = await this.read(record, signal);
    if (found.isErr()) return err({ kind: 'store.outcome-unknown', cause: found.error });
    const isSame = found.value.commitment === record.commitment;
    return isSame && isDone(found.value) ? ok(found.value) : err(staleRevision);
  }

  /** The audit entry announced more than was done: a second entry says so. */
  private async correct(
    record: KeyRecord,
    change: RecordChange,
    failure: ChangeFailure,
    done: RecordChange,
  ): Promise<WrittenChange> {
    const audited = await this.appendEntry(record, change, failure.kind);
    if (audited.isErr()) return { ...done, stale: false, failure: audited.error };
    return failure.kind === 'store.revision-stale'
      ? { ...done, stale: true }
      : { ...done, stale: false, failure };
  }

  private appendEntry(
    { id, version }: KeyRecord,
    { added, replaced, dropped }: RecordChange,
    outcome: string,
  ): Promise<Result<void, AuditUnavailable>> {
    const facts = { timeMs: this.clock.nowMs(), ...this.author, outcome };
    const entry = { ...facts, action: 'key.repair', id, version, added, replaced, dropped } as const;
    return appendAuditEntry(this.audit, entry, { clock: this.clock });
  }
}
