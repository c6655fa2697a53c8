// The embedded store: one SQLite file that several processes of one machine may share. A write is on disk when it succeeds.
// A call is synchronous inside (`node:sqlite`), but never waits there for a lock: it fails, and is retried after a pause.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { err, errAsync, ok, okAsync, Result, ResultAsync } from 'neverthrow';
import type {
  KeyCopiesNeeded,
  KeyUnreadable,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import { parseDeployment, type KeyId, type KeyVersion, type Region } from '../../domain/ids.js';
import { withCiphertexts, withoutCiphertexts, type KeyRecord } from '../../domain/keys/key-record.js';
import { decodeRecord, encodeRecord } from '../../domain/keys/record-format.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyPage, KeyRepository, PageEntry } from '../../ports/key-repository.js';
import { fieldsOfRow, rowOf } from './rows.js';
import type { Clock } from '../../ports/clock.js';
import { systemClock } from '../system/system-clock.js';
import { FileIdentity } from './file-identity.js';
import { retryWhileBusy } from './retry-while-busy.js';
import { isBusy, sqliteFailure, sqliteWriteFailure } from './sqlite-failures.js';

type Row = Record<string, unknown>;

export interface SqliteSettings {
  /** The file; with it, no write goes to a file that was replaced since it was opened. */
  readonly path?: string;
  /** How long a call is retried while another process has locked the file, in milliseconds. */
  readonly busyLimitMs?: number;
  readonly clock?: Clock;
}

/** Below the default time limit of a call to the store, so that the call still fails as "nothing was written". */
const defaultBusyLimitMs = 700;

export class SqliteKeyRepository implements KeyRepository {
  private readonly statements: ReturnType<typeof prepare>;
  private readonly identity: FileIdentity | undefined;
  /** The last key that this process stored: it must be there before the next write. */
  private lastStored: { readonly id: KeyId; readonly version: KeyVersion } | undefined;
  private isClosed = false;

  /** `database` comes from `openDatabase` or, for reading only, from `inspectDatabase`. */
  constructor(
    private readonly database: DatabaseSync,
    private readonly settings: SqliteSettings = {},
  ) {
    this.statements = prepare(database);
    this.identity = settings.path === undefined ? undefined : new FileIdentity(settings.path);
  }

  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    return this.call(signal, aborted, () => this.lookUp(id, version));
  }

  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    return this.call(signal, unknown, () =>
      this.write(() => this.statements.insert.run(rowOf(encodeRecord(record))))
        .andThen(() => this.lookUp(record.id, record.version))
        .andThen((winner) => (winner ? ok(winner) : err<never, StoreWriteFailure>(unknown)))
        .map((winner) => {
          this.lastStored = { id: winner.id, version: winner.version };
          return winner;
        }),
    );
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    return this.call(signal, unknown, () => this.replace(record, withCiphertexts(record, added)));
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    return this.call<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded>(
      signal,
      unknown,
      () => withoutCiphertexts(record, regions).andThen((next) => this.replace(record, next)),
    );
  }

  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    return this.call(signal, aborted, () =>
      read(() => this.statements.count.get()).map((row) => Number(row?.['count'])),
    );
  }

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<KeyPage, StoreReadFailure> {
    return this.call(signal, aborted, () => {
      const [id, version] = after === undefined ? ['', 0] : (JSON.parse(after) as [string, number]);
      return read(() => this.statements.page.all({ id, version, limit })).map((rows) => pageOf(rows, limit));
    });
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return this.call(signal, aborted, () =>
      read(() => this.statements.genesis.get()).andThen((row) => (row ? genesisOf(row) : ok(undefined))),
    );
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    const { deployment, createdAtMs } = genesis;
    return this.call(signal, unknown, () =>
      this.write(() => this.statements.initialise.run({ deployment, createdAtMs })),
    )
      .andThen(() => this.genesis(signal))
      .andThen((winner) => (winner ? ok(winner) : err<never, StoreWriteFailure>(unknown)));
  }

  close(): void {
    if (!this.isClosed) this.database.close();
    this.isClosed = true;
  }

  /** Compare-and-set: replaces `record` by `next` if the stored revision is still that of `record`. */
  private replace(
    record: KeyRecord,
    next: KeyRecord,
  ): Result<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    const { id, version, format, commitment, revision, ciphertexts } = rowOf(encodeRecord(next));
    const known = { id, version, format, commitment, expected: record.revision };
    return this.write(() => this.statements.update.run({ ...known, revision, ciphertexts })).andThen(
      ({ changes }) => (changes === 1 ? ok(next) : err({ kind: 'store.revision-stale' } as const)),
    );
  }

  /** Runs a statement that writes, unless the file is no longer the one that was opened. */
  private write<T>(statement: () => T): Result<T, StoreWriteFailure> {
    if (this.identity?.isUnchanged() === false) return err(replaced);
    const last = this.lastStored;
    return read(() => last === undefined || this.statements.find.get(last) !== undefined).andThen(
      (isThere) => (isThere ? Result.fromThrowable(statement, sqliteWriteFailure)() : err(rolledBack)),
    );
  }

  /** At once if the file is free; otherwise retried without blocking, until `busyLimitMs`. */
  private call<T, F extends { readonly kind: string }>(
    signal: AbortSignal,
    ifAborted: NoInfer<F>,
    act: () => Result<T, F>,
  ): ResultAsync<T, F> {
    if (signal.aborted) return errAsync(ifAborted);
    const result = act();
    if (result.isOk()) return okAsync(result.value);
    if (!isBusy(result.error)) return errAsync(result.error);
    const { busyLimitMs = defaultBusyLimitMs, clock = systemClock } = this.settings;
    return new ResultAsync(retryWhileBusy(act, busyLimitMs, signal, clock));
  }

  private lookUp(id: KeyId, version: KeyVersion): Result<KeyRecord | undefined, StoreReadFailure> {
    return read(() => this.statements.find.get({ id, version })).andThen((row) =>
      row === undefined ? ok(undefined) : fieldsOfRow(row).andThen(decodeRecord),
    );
  }
}

const columns = 'id, version, format, commitment, created_at_ms AS createdAtMs, revision, ciphertexts';

// With numbers instead of bigints, one integer beyond 2^53 would make the whole statement throw.
function prepareRead(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement;
}

const prepare = (database: DatabaseSync) =>
  ({
    find: prepareRead(database, `SELECT ${columns} FROM keys WHERE id = :id AND version = :version`),
    insert: database.prepare(
      `INSERT INTO keys (id, version, format, commitment, created_at_ms, revision, ciphertexts)
       VALUES (:id, :version, :format, :commitment, :createdAtMs, :revision, :ciphertexts)
       ON CONFLICT (id, version) DO NOTHING`,
    ),
    update: database.prepare(
      `UPDATE keys SET revision = :revision, ciphertexts = :ciphertexts
       WHERE id = :id AND version = :version AND revision = :expected
         AND commitment = :commitment AND format = :format`,
    ),
    page: prepareRead(
      database,
      `SELECT ${columns} FROM keys WHERE (id, version) > (:id, :version) ORDER BY id, version LIMIT :limit`,
    ),
    count: database.prepare('SELECT count(*) AS count FROM keys'),
    genesis: database.prepare('SELECT deployment, created_at_ms AS createdAtMs FROM genesis'),
    initialise: database.prepare(
      'INSERT INTO genesis (one, deployment, created_at_ms) VALUES (1, :deployment, :createdAtMs) ON CONFLICT DO NOTHING',
    ),
  }) satisfies Record<string, StatementSync>;

function pageOf(rows: readonly Row[], limit: number): KeyPage {
  const entries = rows.map((row): PageEntry => ({
    id: String(row['id']),
    version: Number(row['version']),
    record: fieldsOfRow(row).andThen(decodeRecord),
  }));
  const last = entries.length === limit ? entries.at(-1) : undefined;
  return last ? { entries, next: JSON.stringify([last.id, last.version]) } : { entries };
}

function genesisOf(row: Row): Result<Genesis, KeyUnreadable> {
  const createdAtMs = Number(row['createdAtMs']);
  return parseDeployment(String(row['deployment']))
    .map((deployment) => ({ deployment, createdAtMs }))
    .mapErr(() => ({ kind: 'key.unreadable', reason: 'broken', detail: 'genesis record' }));
}

const aborted = { kind: 'call.aborted' } as const;
const unknown = { kind: 'store.outcome-unknown' } as const;
const replaced = {
  kind: 'store.misconfigured',
  detail:
    'the database file was replaced or removed while RKMS runs: put the right file back, then restart RKMS',
} as const;
const rolledBack = {
  kind: 'store.misconfigured',
  detail: 'the database lost a key that this process stored: it was restored from an older backup',
} as const;

const read = <T>(statement: () => T): Result<T, StoreReadFailure> =>
  Result.fromThrowable(statement, sqliteFailure)();
