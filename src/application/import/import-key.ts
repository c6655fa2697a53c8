// Makes a key of another store one of ours: opened there, wrapped here in every region with the full context and proven,
// stored where nothing was, and looked at afterwards. A key that an id has already is never replaced (I1, I7).
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { KeyName } from '../../domain/keys/encryption-context.js';
import type { AuditUnavailable, ImportFailure, SourceIdInvalid } from '../../domain/failures/key-failures.js';
import { checkGenesis, type GenesisExpectation } from '../../domain/keys/genesis.js';
import { firstVersion, parseKeyId, type KeyId, type Region } from '../../domain/ids.js';
import { copiesIn, type KeyRecord } from '../../domain/keys/key-record.js';
import type { AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import type { KeySource, SourceEntry } from '../../ports/key-source.js';
import { appendAuditEntry } from '../access/append-audit-entry.js';
import type { OpenSourceEntry } from './open-source-entry.js';
import { lostCopies, type CommittedRecord, type CommitKey } from '../keys/commit-key.js';
import type { StoreCalls } from '../store/store-calls.js';
import type { ChangeAuthor } from '../../ports/audit-log.js';

export interface ImportSettings extends GenesisExpectation {
  readonly quorum: number;
  /** The configured regions. */
  readonly regions: readonly Region[];
  /** Looks, and says what would be done. */
  readonly dryRun: boolean;
}

/** What became of one entry. */
export type Imported =
  /** It is stored with the quorum; the regions of `missing` could not be proven to hold it: repair debt. */
  | { readonly kind: 'imported'; readonly missing: readonly Region[] }
  /** The id has this very key already: from an earlier import, or from another one at the same time. */
  | { readonly kind: 'already-there' }
  /** In a dry run: it opens, and nothing is in its way. */
  | { readonly kind: 'importable' };

/** What an import is done with. */
export interface ImportParts {
  readonly source: KeySource;
  readonly opening: OpenSourceEntry;
  readonly settling: CommitKey;
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

  /** Safe to repeat: what is there already stays as it is. */
  async import(entry: SourceEntry, signal: AbortSignal): Promise<Result<Imported, ImportFailure>> {
    const id = idOf(entry);
    if (id.isErr()) return err(id.error);
    if (entry.copies.isErr()) return err(entry.copies.error);
    const name = { deployment: this.settings.deployment, id: id.value, version: firstVersion };
    const found = await this.parts.store
      .read((store, bounds) => store.genesis(bounds), signal)
      .andThen((genesis) => checkGenesis(genesis, this.settings))
      .andThen(() =>
        this.parts.store.read((store, bounds) => store.find(name.id, name.version, bounds), signal),
      );
    if (found.isErr()) return err(found.error);
    const opened = await this.parts.opening.open(entry.copies.value, signal);
    if (opened.isErr()) return err(opened.error);
    const { key } = opened.value;
    try {
      if (found.value) return compared(found.value, key, name);
      return this.settings.dryRun ? ok({ kind: 'importable' }) : await this.store(key, name, signal);
    } finally {
      key.wipe();
    }
  }

  private async store(
    key: DataKey,
    name: KeyName,
    signal: AbortSignal,
  ): Promise<Result<Imported, ImportFailure>> {
    const told = await this.tell(name.id, 'imported');
    if (told.isErr()) return err(told.error);
    const settled = await this.parts.settling.settle(key, name, signal);
    const outcome = settled
      .mapErr((failure): ImportFailure => failure)
      .andThen((record) => this.judged(record));
    if (outcome.isOk() && outcome.value.kind === 'imported') return outcome;
    // The line that was written before promised more than was done: a second one takes it back.
    const corrected = await this.tell(name.id, outcome.isOk() ? outcome.value.kind : outcome.error.kind);
    return corrected.isErr() ? err(corrected.error) : outcome;
  }

  /** Only what the store holds says what was done. */
  private judged({ record, commits, held }: CommittedRecord): Result<Imported, ImportFailure> {
    const { regions, quorum } = this.settings;
    if (!commits) return err({ kind: 'key.conflict' });
    if (held >= quorum) {
      return ok({ kind: 'imported', missing: regions.filter((region) => !record.ciphertexts.has(region)) });
    }
    // Not one of ours: another import of the same key was first.
    return held === 0 && copiesIn(record, regions) >= quorum
      ? ok({ kind: 'already-there' })
      : err(lostCopies);
  }

  private tell(id: KeyId, outcome: string): ResultAsync<void, AuditUnavailable> {
    const { audit, author, clock, source } = this.parts;
    const facts = { timeMs: clock.nowMs(), ...author, outcome, source: source.name };
    return appendAuditEntry(audit, { ...facts, action: 'key.import', id, version: firstVersion }, { clock });
  }
}

const idOf = ({ id }: SourceEntry): Result<KeyId, SourceIdInvalid> =>
  parseKeyId(id).mapErr(({ problem, expected }) => ({
    kind: 'source.id-invalid',
    detail: `${problem}: an id has ${expected}`,
  }));

const compared = (
  record: KeyRecord,
  key: DataKey,
  { id, version }: KeyName,
): Result<Imported, ImportFailure> =>
  key.isCommittedBy(record.commitment, id, version)
    ? ok({ kind: 'already-there' })
    : err({ kind: 'key.conflict' });
