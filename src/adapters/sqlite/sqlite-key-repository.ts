// The embedded store: one SQLite file that several processes of one machine may share. A write is on disk when it succeeds.
// The calls are synchronous inside (`node:sqlite`), so an abort signal is only checked before a call starts.
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
import { sqliteFailure, sqliteWriteFailure } from './sqlite-failures.js';

type Row = Record<string, unknown>;

export class SqliteKeyRepository implements KeyRepository {
  private readonly statements: ReturnType<typeof prepare>;
  private isClosed = false;

  /** `database` comes from `openDatabase` or, for reading only, from `inspectDatabase`. */
  constructor(private readonly database: DatabaseSync) {
    this.statements = prepare(database);
  }

  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    return unlessAborted(signal, aborted, () => this.lookUp(id, version));
  }

  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    return unlessAborted(signal, unknown, () =>
      write(() => this.statements.insert.run(rowOf(encodeRecord(record))))
        .andThen(() => this.lookUp(record.id, record.version))
        .andThen((winner) => (winner ? ok(winner) : err<never, StoreWriteFailure>(unknown))),
    );
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    return unlessAborted(signal, unknown, () => this.replace(record, withCiphertexts(record, added)));
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    return unlessAborted<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded>(
      signal,
      unknown,
      () => withoutCiphertexts(record, regions).andThen((next) => this.replace(record, next)),
    );
  }

  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    return unlessAborted(signal, aborted, () =>
      read(() => this.statements.count.get()).map((row) => Number(row?.['count'])),
    );
  }

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<KeyPage, StoreReadFailure> {
    return unlessAborted(signal, aborted, () => {
      const [id, version] = after === undefined ? ['', 0] : (JSON.parse(after) as [string, number]);
      return read(() => this.statements.page.all({ id, version, limit })).map((rows) => pageOf(rows, limit));
    });
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return unlessAborted(signal, aborted, () =>
      read(() => this.statements.genesis.get()).andThen((row) => (row ? genesisOf(row) : ok(undefined))),
    );
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    const { deployment, createdAtMs } = genesis;
    return unlessAborted(signal, unknown, () =>
      write(() => this.statements.initialise.run({ deployment, createdAtMs })),
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
    return write(() => this.statements.update.run({ ...known, revision, ciphertexts })).andThen(
      ({ changes }) => (changes === 1 ? ok(next) : err({ kind: 'store.revision-stale' } as const)),
    );
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

const write = <T>(statement: () => T): Result<T, StoreWriteFailure> =>
  Result.fromThrowable(statement, sqliteWriteFailure)();

const read = <T>(statement: () => T): Result<T, StoreReadFailure> =>
  Result.fromThrowable(statement, sqliteFailure)();

function unlessAborted<T, F>(
  signal: AbortSignal,
  ifAborted: NoInfer<F>,
  act: () => Result<T, F>,
): ResultAsync<T, F> {
  if (signal.aborted) return errAsync(ifAborted);
  const result = act();
  return result.isOk() ? okAsync(result.value) : errAsync(result.error);
}
