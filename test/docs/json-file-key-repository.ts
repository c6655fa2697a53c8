// An example store: all keys in one JSON file, for one process. It keeps every guarantee of the port.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type {
  KeyCopiesNeeded,
  StoreReadFailure,
  StoreRevisionStale,
  StoreWriteFailure,
} from 'rkms/domain/failures/store-failures';
import type { Genesis } from 'rkms/domain/keys/genesis';
import type { KeyId, KeyVersion, Region } from 'rkms/domain/ids';
import { withCiphertexts, withoutCiphertexts, type KeyRecord } from 'rkms/domain/keys/key-record';
import {
  decodeRecord,
  encodeRecord,
  type RecordFields,
  type UntrustedFields,
} from 'rkms/domain/keys/record-format';
import type { RegionalCiphertext } from 'rkms/domain/keys/regional-ciphertext';
import type { KeyPage, KeyRepository } from 'rkms/ports/key-repository';

type JsonRow = Omit<RecordFields, 'ciphertexts'> & {
  readonly ciphertexts: readonly {
    readonly region: string;
    readonly kmsKey: string;
    readonly base64: string;
  }[];
};

interface Content {
  genesis?: Genesis;
  /** :: "id version" -> the fields of the record */
  readonly rows: Record<string, JsonRow>;
}

const aborted = { kind: 'call.aborted' } as const;
const unknown = { kind: 'store.outcome-unknown' } as const;

export class JsonFileKeyRepository implements KeyRepository {
  constructor(private readonly path: string) {}

  find(
    id: KeyId,
    version: KeyVersion,
    signal: AbortSignal,
  ): ResultAsync<KeyRecord | undefined, StoreReadFailure> {
    return answer(signal, aborted, () => this.row(this.load(), rowName(id, version)));
  }

  insert(record: KeyRecord, signal: AbortSignal): ResultAsync<KeyRecord, StoreWriteFailure> {
    return answer(signal, unknown, () => {
      const content = this.load();
      const name = rowName(record.id, record.version);
      if (!Object.hasOwn(content.rows, name)) this.save(content, name, record);
      return this.row(content, name).map((winner) => winner ?? record);
    });
  }

  addCiphertexts(
    record: KeyRecord,
    added: readonly RegionalCiphertext[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale> {
    return answer(signal, unknown, () =>
      this.succeed(record, (stored): Result<KeyRecord, never> => ok(withCiphertexts(stored, added))),
    );
  }

  dropCiphertexts(
    record: KeyRecord,
    regions: readonly Region[],
    signal: AbortSignal,
  ): ResultAsync<KeyRecord, StoreWriteFailure | StoreRevisionStale | KeyCopiesNeeded> {
    return answer(signal, unknown, () =>
      this.succeed(record, (stored) => withoutCiphertexts(stored, regions)),
    );
  }

  count(signal: AbortSignal): ResultAsync<number | undefined, StoreReadFailure> {
    return answer(signal, aborted, () => ok(Object.keys(this.load().rows).length));
  }

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<KeyPage, StoreReadFailure> {
    return answer(signal, aborted, () => {
      const content = this.load();
      const left = Object.keys(content.rows)
        .sort()
        .filter((name) => after === undefined || name > after);
      const names = left.slice(0, limit);
      const entries = Object.entries(content.rows)
        .filter(([name]) => names.includes(name))
        .map(([, row]) => ({ id: row.id, version: row.version, record: decodeRecord(fromJson(row)) }));
      const next = left.length > limit ? names.at(-1) : undefined;
      return ok(next === undefined ? { entries } : { entries, next });
    });
  }

  genesis(signal: AbortSignal): ResultAsync<Genesis | undefined, StoreReadFailure> {
    return answer(signal, aborted, () => ok(this.load().genesis));
  }

  initialise(genesis: Genesis, signal: AbortSignal): ResultAsync<Genesis, StoreWriteFailure> {
    return answer(signal, unknown, () => {
      const content = this.load();
      content.genesis ??= genesis;
      this.write(content);
      return ok(content.genesis);
    });
  }

  /** Stores the changed record, unless the stored record has changed since the caller read it. */
  private succeed<F>(
    record: KeyRecord,
    change: (stored: KeyRecord) => Result<KeyRecord, F>,
  ): Result<KeyRecord, F | StoreReadFailure | StoreRevisionStale> {
    const content = this.load();
    const name = rowName(record.id, record.version);
    return this.row(content, name).andThen((stored) => {
      const same = stored?.revision === record.revision && stored.commitment === record.commitment;
      if (!same) return err({ kind: 'store.revision-stale' } as const);
      return change(stored).map((next) => {
        this.save(content, name, next);
        return next;
      });
    });
  }

  private row(content: Content, name: string): Result<KeyRecord | undefined, StoreReadFailure> {
    const row = content.rows[name];
    return row === undefined ? ok(undefined) : decodeRecord(fromJson(row));
  }

  private save(content: Content, name: string, record: KeyRecord): void {
    content.rows[name] = toJson(encodeRecord(record));
    this.write(content);
  }

  private load(): Content {
    if (!existsSync(this.path)) return { rows: {} };
    return JSON.parse(readFileSync(this.path, 'utf8')) as Content;
  }

  // Written to another file and renamed: after a crash, the file has the old or the new content.
  private write(content: Content): void {
    writeFileSync(`${this.path}.draft`, JSON.stringify(content), { mode: 0o600, flush: true });
    renameSync(`${this.path}.draft`, this.path);
  }
}

const rowName = (id: KeyId, version: KeyVersion): string => `${id} ${version}`;

/** JSON has no bytes: they are stored as base64. */
const toJson = ({ ciphertexts, ...fields }: RecordFields): JsonRow => ({
  ...fields,
  ciphertexts: ciphertexts.map(({ bytes, ...each }) => ({
    ...each,
    base64: Buffer.from(bytes).toString('base64'),
  })),
});

const fromJson = ({ ciphertexts, ...fields }: JsonRow): UntrustedFields => ({
  ...fields,
  ciphertexts: ciphertexts.map(({ base64, ...each }) => ({ ...each, bytes: Buffer.from(base64, 'base64') })),
});

/** Runs synchronously, so that no other call of this process can run in between. */
function answer<T, F, A>(signal: AbortSignal, ifAborted: A, act: () => Result<T, F>): ResultAsync<T, F | A> {
  return new ResultAsync<T, F | A>(Promise.resolve(signal.aborted ? err(ifAborted) : act()));
}
