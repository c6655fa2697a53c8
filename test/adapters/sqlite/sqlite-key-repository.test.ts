// The embedded store: the contract, many processes on one file, sudden death, and files that are not ours.
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { err, ok, type ResultAsync } from 'neverthrow';
import { openDatabase } from '../../../src/adapters/sqlite/open-database.js';
import { fieldsOfRow, rowOf } from '../../../src/adapters/sqlite/rows.js';
import { SqliteKeyRepository } from '../../../src/adapters/sqlite/sqlite-key-repository.js';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { firstVersion, type KeyId } from '../../../src/domain/ids.js';
import { newKeyRecord } from '../../../src/domain/keys/key-record.js';
import { decodeRecord, encodeRecord } from '../../../src/domain/keys/record-format.js';
import {
  keyRepositoryContract,
  unreadableRecordContract,
  type SpoilableStore,
} from '../../contracts/key-repository-contract.js';
import { withoutCause } from '../../support/failures-without-cause.js';
import { Leftovers } from '../../support/leftovers.js';
import { deployment, keyId, keyVersion, region } from '../../support/names.js';
import { refusalOf } from '../../support/refusals.js';
import { StoreProcesses } from '../../support/store-processes.js';
import { manyRuns } from '../../support/tiers.js';

// Real processes, disks and connections, on a machine that may be busy.
jest.setTimeout(60_000);

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const newPath = (): string => join(leftovers.folder(), 'rkms.db');

function open(path: string): { readonly database: DatabaseSync; readonly store: SqliteKeyRepository } {
  const database = openDatabase(path);
  const store = new SqliteKeyRepository(database, { path });
  leftovers.add(() => {
    store.close();
  });
  return { database, store };
}

/** Any connection to a file, without RKMS. */
function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  leftovers.add(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

function makeStore(): Promise<SpoilableStore> {
  const { database, store } = open(newPath());
  return Promise.resolve({
    subject: store,
    close: () => leftovers.clear(),
    corrupt: (id, version, how) => {
      const change = how === 'newer-format' ? "format = 2, ciphertexts = 'unheard of'" : "ciphertexts = '[{'";
      database.prepare(`UPDATE keys SET ${change} WHERE id = ? AND version = ?`).run(id, version);
      return Promise.resolve();
    },
    stored: (id, version) =>
      Promise.resolve(
        JSON.stringify(database.prepare('SELECT * FROM keys WHERE id = ? AND version = ?').get(id, version)),
      ),
  });
}

describe('the contract of a store', () => {
  for (const promise of keyRepositoryContract(makeStore)) test(promise.name, promise.run);
});

describe('the contract of a store, for records that cannot be read', () => {
  for (const promise of unreadableRecordContract(makeStore)) test(promise.name, promise.run);
});

const id = keyId('orders/7');
const unbounded = (): AbortSignal => new AbortController().signal;
const genesis = { deployment: deployment('production'), createdAtMs: 5 };
const record = newKeyRecord(
  { id, version: firstVersion, commitment: 'c'.repeat(43) as Commitment, createdAtMs: 7 },
  [{ region: region('eu-west-1'), kmsKey: 'arn:one', bytes: Buffer.of(0, 1, 255) }],
);
const added = [{ region: region('us-east-1'), kmsKey: 'arn:two', bytes: Buffer.of(9) }];

describe('several processes', () => {
  const programs = new Leftovers();
  let processes: StoreProcesses;

  beforeAll(() => {
    processes = new StoreProcesses(programs.folder());
  });

  afterEach(() => processes.stop());
  afterAll(() => programs.clear());

  test('that insert the same ids at once all get the same winners', async () => {
    const path = newPath();
    const task = { act: 'insert', path, ids: 200 } as const;
    const told = (await processes.together([task, task, task, task])) as { result: readonly string[] }[];
    const { store } = open(path);
    const winners: (string | undefined)[] = [];
    for (let index = 0; index < 200; index += 1) {
      const found = await store.find(keyId(`shared/${index}`), firstVersion, unbounded());
      winners.push(found._unsafeUnwrap()?.commitment);
    }
    expect(new Set(winners).size).toBe(200);
    expect(winners).not.toContain(undefined);
    for (const each of told) expect(each).toEqual({ result: winners });
  });

  test('that open the same new file at the same time all succeed', async () => {
    const folder = leftovers.folder();
    const paths = Array.from({ length: manyRuns(200) }, (_, index) => join(folder, `${index}.db`));
    const task = { act: 'open', paths } as const;
    const told = await processes.together([task, task, task, task]);
    expect(told).toEqual(Array(4).fill({ result: paths.map(() => 'wal') }));
  });

  test('do not wait forever for a file that another program has locked', async () => {
    const path = newPath();
    open(path).store.close();
    const holder = connect(path);
    holder.exec('PRAGMA journal_mode = DELETE; BEGIN; SELECT count(*) FROM keys');
    const task = { act: 'open', paths: [path] } as const;
    const refused = `OperatorError: the store ${path} cannot be opened (database is locked)`;
    expect(await processes.together([task])).toEqual([{ error: refused }]);
    holder.exec('COMMIT');
    expect(await processes.together([task])).toEqual([{ result: ['wal'] }]);
  });

  test('lose no successful insert when one of them is killed', async () => {
    const path = newPath();
    for (let round = 0; round < manyRuns(10); round += 1) {
      const prefix = `round-${round}/`;
      const child = await processes.start({ act: 'write', path, prefix });
      const answered: [number, string][] = [];
      child.on('message', (message: [number, string]) => answered.push(message));
      child.send(0);
      while (answered.length < 5 + round * 6) await once(child, 'message');
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      const { store } = open(path);
      for (const [count, commitment] of answered) {
        const found = await store.find(keyId(`${prefix}${count}`), firstVersion, unbounded());
        expect(found._unsafeUnwrap()?.commitment).toBe(commitment);
      }
      store.close();
    }
  });
});

describe('an opened file', () => {
  const pragma = (database: DatabaseSync, name: string): unknown =>
    Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];

  test('writes to disk before a call succeeds: WAL mode with a full flush for each commit', () => {
    const { database } = open(newPath());
    expect([pragma(database, 'journal_mode'), pragma(database, 'synchronous')]).toEqual(['wal', 2]);
  });

  test('has the same settings when it is opened again', () => {
    const path = newPath();
    open(path).store.close();
    const { database } = open(path);
    expect([pragma(database, 'journal_mode'), pragma(database, 'synchronous')]).toEqual(['wal', 2]);
  });

  test('has the application id of RKMS and a schema version', () => {
    const { database } = open(newPath());
    expect([pragma(database, 'application_id'), pragma(database, 'user_version')]).toEqual([0x524b4d53, 1]);
  });

  test('is readable only for its owner, like the files that SQLite creates beside it', async () => {
    const folder = join(leftovers.folder(), 'made', 'by-rkms');
    const { store } = open(join(folder, 'rkms.db'));
    await store.insert(record, unbounded());
    const modes = readdirSync(folder).map((file) => [file, statSync(join(folder, file)).mode & 0o777]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(modes).toEqual([
      ['rkms.db', 0o600],
      ['rkms.db-shm', 0o600],
      ['rkms.db-wal', 0o600],
    ]);
  });

  test('keeps everything when it is closed and opened again', async () => {
    const path = newPath();
    const first = open(path);
    await first.store.insert(record, unbounded());
    await first.store.initialise(genesis, unbounded());
    first.store.close();
    first.store.close();
    const { store } = open(path);
    const found = await store.find(id, firstVersion, unbounded());
    expect(found.map((each) => each?.commitment)).toEqual(ok(record.commitment));
    expect(await store.genesis(unbounded())).toEqual(ok(genesis));
  });
});

describe('a file that is not an RKMS store', () => {
  const foreignName = 'name another file as store.path';

  function expectRefused(path: string, message: unknown, hint: unknown): void {
    const before = existsSync(path) ? readFileSync(path) : undefined;
    expect(refusalOf(() => openDatabase(path))).toEqual({ message, hint });
    if (before !== undefined) expect(readFileSync(path).equals(before)).toBe(true);
  }

  test('because it is not an SQLite file is refused, unchanged', () => {
    const path = newPath();
    writeFileSync(path, 'once upon a time '.repeat(100), { mode: 0o600 });
    expectRefused(path, expect.stringContaining(path), expect.stringContaining('not an SQLite database'));
  });

  test('because it has other tables is refused, unchanged', () => {
    const path = newPath();
    const foreign = connect(path);
    foreign.exec('CREATE TABLE invoices (id INTEGER); INSERT INTO invoices VALUES (1)');
    foreign.close();
    expectRefused(path, `${path} is not an RKMS store`, foreignName);
    expect(readdirSync(join(path, '..'))).toEqual(['rkms.db']);
  });

  test('because it has the application id of another program is refused, even if it is empty', () => {
    const path = newPath();
    const foreign = connect(path);
    foreign.exec('PRAGMA application_id = 252006');
    foreign.close();
    expectRefused(path, `${path} is not an RKMS store`, foreignName);
  });

  test('in use by its own program is refused and not kept open', () => {
    const path = newPath();
    const foreign = connect(path);
    foreign.exec('PRAGMA journal_mode = WAL; CREATE TABLE invoices (id INTEGER)');
    expectRefused(path, `${path} is not an RKMS store`, foreignName);
    foreign.exec('PRAGMA busy_timeout = 0; INSERT INTO invoices VALUES (1)');
    expect({ ...foreign.prepare('SELECT count(*) AS count FROM invoices').get() }).toEqual({ count: 1 });
  });

  test('because it has the schema of a newer RKMS is refused, unchanged', () => {
    const path = newPath();
    open(path).store.close();
    const newer = connect(path);
    newer.exec('PRAGMA user_version = 2');
    newer.close();
    expectRefused(
      path,
      `the store ${path} was made by a newer RKMS (schema 2, this one knows 1)`,
      'run the newer RKMS',
    );
  });

  test('because it is a folder is refused', () => {
    const path = newPath();
    mkdirSync(path);
    expect(refusalOf(() => openDatabase(path)).message).toBe(`the store ${path} cannot be opened (EISDIR)`);
  });

  test('because its folder is a file is refused', () => {
    const file = newPath();
    writeFileSync(file, '');
    const path = join(file, 'data', 'rkms.db');
    expect(refusalOf(() => openDatabase(path))).toEqual({
      message: `the folder ${join(file, 'data')} cannot be written to (ENOTDIR)`,
      hint: expect.stringContaining('another folder'),
    });
  });

  test('because it is a dangling link is refused', () => {
    const path = newPath();
    symlinkSync(join(path, '..', 'nowhere', 'x.db'), path);
    expect(refusalOf(() => openDatabase(path))).toEqual({
      message: `the store ${path} cannot be opened (ENOENT)`,
      hint: expect.stringContaining('can be read and written'),
    });
  });

  test('because its folder is open to other users is refused', () => {
    const folder = join(leftovers.folder(), 'open');
    mkdirSync(folder, { mode: 0o755 });
    expect(refusalOf(() => openDatabase(join(folder, 'rkms.db'))).hint).toBe(`run: chmod 700 '${folder}'`);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a store with a fault', () => {
  type Calls = readonly ResultAsync<unknown, object>[];
  const calls = (store: SqliteKeyRepository): { readonly reads: Calls; readonly writes: Calls } => ({
    reads: [
      store.find(id, firstVersion, unbounded()),
      store.page(undefined, 10, unbounded()),
      store.genesis(unbounded()),
    ],
    writes: [
      store.insert(record, unbounded()),
      store.addCiphertexts(record, added, unbounded()),
      store.initialise(genesis, unbounded()),
    ],
  });

  test('whose file another program has locked is unavailable, and a failed insert writes nothing', async () => {
    const path = newPath();
    const { store } = open(path);
    const holder = connect(path);
    holder.exec('BEGIN IMMEDIATE');
    for (const call of calls(store).writes) {
      expect(withoutCause(await call)).toEqual(err({ kind: 'store.unavailable' }));
    }
    holder.exec('ROLLBACK');
    expect(await store.find(id, firstVersion, unbounded())).toEqual(ok(undefined));
    expect(await store.genesis(unbounded())).toEqual(ok(undefined));
  });

  test('whose file another program has locked never blocks the event loop, and inserts once the lock is gone', async () => {
    const path = newPath();
    const { database, store } = open(path);
    expect({ ...database.prepare('PRAGMA busy_timeout').get() }).toEqual({ timeout: 0 });
    const holder = connect(path);
    holder.exec('BEGIN IMMEDIATE');
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const ids = Array.from({ length: 8 }, (_, index) => keyId(`orders/${index}`));
    const inserts = ids.map((each) => store.insert({ ...record, id: each }, unbounded()));
    await pause(200);
    delay.disable();
    // Blocking attempts would leave a few delays of a second each. A busy machine causes a long one now and then.
    expect(delay.percentile(50) / 1e6).toBeLessThan(100);
    holder.exec('ROLLBACK');
    expect((await Promise.all(inserts)).map((each) => each.map(({ id: stored }) => stored))).toEqual(
      ids.map((each) => ok(each)),
    );
  });

  test('whose file was replaced under it is read, but not written, until the file is back', async () => {
    const path = newPath();
    const { database, store } = open(path);
    await store.insert(record, unbounded());
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const other = { ...record, id: keyId('orders/8') };
    copyFileSync(path, `${path}.backup`);
    renameSync(path, `${path}.opened`);
    renameSync(`${path}.backup`, path);
    for (const refused of [
      await store.insert(other, unbounded()),
      ...(await Promise.all(calls(store).writes)),
    ]) {
      expect(refused).toEqual(
        err({ kind: 'store.misconfigured', detail: expect.stringContaining('was replaced or removed') }),
      );
    }
    expect((await store.find(id, firstVersion, unbounded())).isOk()).toBe(true);
    renameSync(`${path}.opened`, path);
    expect((await store.insert(other, unbounded())).isOk()).toBe(true);
  });

  test('that was removed is not written', async () => {
    const path = newPath();
    const { store } = open(path);
    rmSync(path);
    expect(await store.insert(record, unbounded())).toMatchObject({ error: { kind: 'store.misconfigured' } });
  });

  test('that lost a key of this process to an older backup is not written', async () => {
    const path = newPath();
    const { store } = open(path);
    await store.insert(record, unbounded());
    connect(path).exec('DELETE FROM keys');
    expect(await store.insert({ ...record, id: keyId('orders/8') }, unbounded())).toEqual(
      err({ kind: 'store.misconfigured', detail: expect.stringContaining('an older backup') }),
    );
  });

  test.each([600, 4_096])('whose file is cut off after %d bytes is refused as damaged', async (size) => {
    const path = newPath();
    const { store } = open(path);
    await store.insert(record, unbounded());
    store.close();
    truncateSync(path, size);
    expect(refusalOf(() => openDatabase(path)).hint).toContain('restore it from a backup');
  });

  test('whose file is locked at the start is not called damaged', () => {
    const path = newPath();
    open(path).store.close();
    connect(path).exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    expect(refusalOf(() => openDatabase(path)).hint).toBe(
      'another program has locked it: end that program, or try again later',
    );
  });

  test('that may not write its file says what to change', async () => {
    const { database, store } = open(newPath());
    await store.insert(record, unbounded());
    database.exec('PRAGMA query_only = 1');
    const detail = 'the database file cannot be written to';
    for (const call of calls(store).writes) {
      expect(withoutCause(await call)).toEqual(err({ kind: 'store.misconfigured', detail }));
    }
    for (const call of calls(store).reads) expect((await call).isOk()).toBe(true);
  });

  test('whose disk is full says so, and keeps its records', async () => {
    const { database, store } = open(newPath());
    await store.insert(record, unbounded());
    database.exec('PRAGMA max_page_count = 4');
    const long = { ...record, id: keyId('long') };
    const bytes = Buffer.alloc(6_144);
    const full = await store.insert(
      {
        ...long,
        ciphertexts: new Map(
          ['a', 'b', 'c'].map((at) => [region(at), { region: region(at), kmsKey: 'k', bytes }]),
        ),
      },
      unbounded(),
    );
    expect(withoutCause(full)).toEqual(err({ kind: 'store.misconfigured', detail: 'the disk is full' }));
    expect((await store.find(id, firstVersion, unbounded())).isOk()).toBe(true);
  });

  test('whose file is damaged says so', async () => {
    const path = newPath();
    const { store } = open(path);
    for (let index = 0; index < 200; index += 1) {
      await store.insert({ ...record, id: keyId(`orders/${index}`) }, unbounded());
    }
    store.close();
    const content = readFileSync(path);
    writeFileSync(path, content.fill(0xa5, 4_096));
    const again = open(path);
    expect(withoutCause(await again.store.page(undefined, 1_000, unbounded()))).toEqual(
      err({
        kind: 'store.misconfigured',
        detail: 'the database file is damaged: restore it from a backup',
      }),
    );
  });

  test('that was closed fails every call', async () => {
    const { store } = open(newPath());
    store.close();
    const { reads, writes } = calls(store);
    for (const call of reads) expect(withoutCause(await call)).toEqual(err({ kind: 'store.unavailable' }));
    for (const call of writes) {
      expect(withoutCause(await call)).toEqual(err({ kind: 'store.outcome-unknown' }));
    }
  });
});

describe('a row', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const regions = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
  const ciphertexts = fc.uniqueArray(
    fc.record({ region: regions.map(region), kmsKey: fc.string({ unit: 'binary' }), bytes }),
    { minLength: 1, maxLength: 5, selector: (each) => each.region },
  );
  const records = fc
    .record({
      id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:/\-@+=]{0,60}$/).map(keyId),
      version: fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(keyVersion),
      commitment: fc.stringMatching(/^[A-Za-z0-9_-]{43}$/).map((text) => text as Commitment),
      createdAtMs: fc.maxSafeNat(),
      ciphertexts,
    })
    .map(({ ciphertexts: each, ...facts }) => newKeyRecord(facts, each));

  test('returns any record unchanged', () => {
    fc.assert(
      fc.property(records, (each) => {
        const decoded = fieldsOfRow({ ...rowOf(encodeRecord(each)) }).andThen(decodeRecord);
        expect(decoded).toEqual(ok(each));
      }),
    );
  });

  const junk: fc.Arbitrary<SQLInputValue> = fc.oneof(
    fc.string(),
    fc.json(),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.uint8Array({ maxLength: 40 }),
  );
  const columns = ['format', 'commitment', 'created_at_ms', 'revision', 'ciphertexts'] as const;
  const spoilt = fc.tuple(fc.constantFrom(...columns), junk);

  test('with any value in any column is a record or unreadable, and a scan continues after it', async () => {
    const { database, store } = open(newPath());
    const last = keyId('zz');
    await store.insert(record, unbounded());
    await store.insert({ ...record, id: last }, unbounded());
    await fc.assert(
      fc.asyncProperty(spoilt, async ([column, value]) => {
        database.exec('SAVEPOINT before');
        database.prepare(`UPDATE keys SET ${column} = ? WHERE id = ?`).run(value, id);
        const found = await store.find(id, firstVersion, unbounded());
        const page = await store.page(undefined, 10, unbounded());
        database.exec('ROLLBACK TO before; RELEASE before');
        if (found.isErr()) expect(found.error.kind).toBe('key.unreadable');
        const named = page.map(({ entries }) => entries.map((entry) => entry.id));
        expect(named).toEqual(ok([id, last]));
      }),
      {
        numRuns: manyRuns(500),
        examples: [[['created_at_ms', 2n ** 60n]], [['revision', -(2n ** 63n)]], [['format', 2n ** 62n]]],
      },
    );
  });
});

describe('a scan', () => {
  test('is ordered by id and version, and resumes at the cursor', async () => {
    const { store } = open(newPath());
    const names: [string, number][] = [
      ['b', 1],
      ['a', 10],
      ['a', 2],
      ['B', 1],
    ];
    for (const [text, version] of names) {
      await store.insert({ ...record, id: text as KeyId, version: keyVersion(version) }, unbounded());
    }
    const walked: [string, number][] = [];
    let after: string | undefined;
    for (let page = 0; page < names.length + 1; page += 1) {
      const { entries, next } = (await store.page(after, 1, unbounded()))._unsafeUnwrap();
      walked.push(...entries.map((entry): [string, number] => [entry.id, entry.version]));
      after = next;
    }
    expect(after).toBeUndefined();
    expect(walked).toEqual([
      ['B', 1],
      ['a', 2],
      ['a', 10],
      ['b', 1],
    ]);
  });
});
