// Imports one key from another store: opens it there, encrypts it here in every region with the full context, proves every
// copy, stores it if the id has no key yet, and reads the store back. An existing key is never replaced (I1, I7).
import { err, ok, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { KeyName } from '../../domain/keys/encryption-context.js';
import type { AuditUnavailable, ImportFailure, SourceIdInvalid } from '../../domain/failures/key-failures.js';
import { checkGenesis, type Genesis, type GenesisExpectation } from '../../domain/keys/genesis.js';
import { firstVersion, parseKeyId, type KeyId, type Region } from '../../domain/ids.js';
import { copiesIn, type KeyRecord } from '../../domain/keys/key-record.js';
import type { AuditLog, ChangeAuthor } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import type { KeySource, SourceEntry } from '../../ports/key-source.js';
import { appendAuditEntry } from '../access/append-audit-entry.js';
import type { OpenSourceEntry } from './open-source-entry.js';
import { lostCopies, type CommittedRecord, type CommitKey } from '../keys/commit-key.js';
import type { Finding } from '../maintenance/tally.js';
import { findRecord, readGenesis, type StoreCalls } from '../store/store-calls.js';

export interface ImportSettings extends GenesisExpectation {
  readonly quorum: number;
  /** The configured regions. */
  readonly regions: readonly Region[];
  /** Opens and compares, and says what would be imported, but stores nothing. */
  readonly dryRun: boolean;
}

/** What happened to one entry. */
export type Imported =
  /** Stored with at least the quorum; the regions of `missing` have no proven copy yet: repair adds them. */
  | { readonly kind: 'imported'; readonly missing: readonly Region[] }
  /** The id already has the same key: from an earlier import, or from another one at the same time. */
  | { readonly kind: 'already-present' }
  /** In a dry run: it opens, and the id has no key. */
  | { readonly kind: 'importable' };

/** The services that an import uses. */
export interface ImportParts {
  readonly source: KeySource;
  readonly opening: OpenSourceEntry;
  readonly committing: CommitKey;
  readonly store: StoreCalls;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly author: ChangeAuthor;
}

export class ImportKey {
  constructor(
    private readonly parts: ImportParts,
    private readonly settings: ImportSettings,
  ) {}

  /** Safe to repeat: a key that is stored already stays as it is. */
  async import(entry: SourceEntry, signal: AbortSignal): Promise<Result<Imported, ImportFailure>> {
    const id = idOf(entry);
    if (id.isErr()) return err(id.error);
    if (entry.copies.isErr()) return err(entry.copies.error);
    const name = { deployment: this.settings.deployment, id: id.value, version: firstVersion };
    const genesis = await this.parts.store
      .read(readGenesis, signal)
      .andThen((read) => checkGenesis(read, this.settings));
    if (genesis.isErr()) return err(genesis.error);
    const found = await this.parts.store.read(findRecord(name.id, name.version), signal);
    if (found.isErr()) return err(found.error);
    const opened = await this.parts.opening.open(entry.copies.value, signal);
    if (opened.isErr()) return err(opened.error);
    const { key } = opened.value;
    try {
      if (found.value) return compare(found.value, key, name);
      return this.settings.dryRun
        ? ok({ kind: 'importable' })
        : await this.store(key, name, genesis.value, signal);
    } finally {
      key.wipe();
    }
  }

  /** The audit entry is written before the key is stored. */
  private async store(
    key: DataKey,
    name: KeyName,
    genesis: Genesis,
    signal: AbortSignal,
  ): Promise<Result<Imported, ImportFailure>> {
    const audited = await this.appendEntry(name.id, 'imported', genesis);
    if (audited.isErr()) return err(audited.error);
    const settled = await this.parts.committing.commit(key, name, signal);
    const outcome = settled
      .mapErr((failure): ImportFailure => failure)
      .andThen((record) => this.outcomeOf(record));
    if (outcome.isOk() && outcome.value.kind === 'imported') return outcome;
    // The audit entry announced more than was done: a second entry says so.
    const corrected = await this.appendEntry(
      name.id,
      outcome.isOk() ? outcome.value.kind : outcome.error.kind,
      genesis,
    );
    return corrected.isErr() ? err(corrected.error) : outcome;
  }

  /** Decided only by what the store holds. */
  private outcomeOf({ record, commits, held }: CommittedRecord): Result<Imported, ImportFailure> {
    const { regions, quorum } = this.settings;
    if (!commits) return err({ kind: 'key.conflict' });
    if (held >= quorum) {
      return ok({ kind: 'imported', missing: regions.filter((region) => !record.ciphertexts.has(region)) });
    }
    // None of the copies is from this process: another import of the same key was first.
    return held === 0 && copiesIn(record, regions) >= quorum
      ? ok({ kind: 'already-present' })
      : err(lostCopies);
  }

  private appendEntry(
    id: KeyId,
    outcome: string,
    { createdAtMs: store }: Genesis,
  ): Promise<Result<void, AuditUnavailable>> {
    const { audit, author, clock, source } = this.parts;
    const facts = { timeMs: clock.nowMs(), ...author, outcome, source: source.name, store };
    return appendAuditEntry(audit, { ...facts, action: 'key.import', id, version: firstVersion }, { clock });
  }
}

/** What the report of `rkms import` says of an entry. */
export function importFinding(name: string, result: Result<Imported, ImportFailure>): Finding {
  if (result.isErr()) return { name, problem: { kind: result.error.kind } };
  const imported = result.value;
  const isIncomplete = imported.kind === 'imported' && imported.missing.length > 0;
  return { name, outcomes: isIncomplete ? ['imported', 'incomplete'] : [imported.kind] };
}

/** The source's ids are untrusted: they may have any characters. */
const idOf = ({ id }: SourceEntry): Result<KeyId, SourceIdInvalid> =>
  parseKeyId(id).mapErr(({ problem, expected }) => ({
    kind: 'source.id-invalid',
    detail: `${problem}: an id has ${expected}`,
  }));

/** A key that the id already has is compared by its commitment; it is not opened. */
const compare = (
  record: KeyRecord,
  key: DataKey,
  { id, version }: KeyName,
): Result<Imported, ImportFailure> =>
  key.isCommittedBy(record.commitment, id, version)
    ? ok({ kind: 'already-present' })
    : err({ kind: 'key.conflict' });
