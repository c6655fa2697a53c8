// A process that shares a file with others, for tests: says "ready", waits to be told when to start, acts, and tells its parent what
// came of it. Run by Node itself, not by the test runner; its one argument is a StoreTask as JSON.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { whileLocked } from '../../src/adapters/files/exclusive-lock.js';
import { createPrivateFile } from '../../src/adapters/files/private-files.js';
import { openDatabase } from '../../src/adapters/sqlite/open-database.js';
import { SqliteKeyRepository } from '../../src/adapters/sqlite/sqlite-key-repository.js';
import { makeBearerToken } from '../../src/adapters/tokens/bearer-token.js';
import { addToken } from '../../src/adapters/tokens/token-changes.js';
import type { Commitment } from '../../src/domain/keys/data-key.js';
import { everyId } from '../../src/domain/access/id-pattern.js';
import { firstVersion, type CallerId, type KeyId, type Region } from '../../src/domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../../src/domain/keys/key-record.js';

export type StoreTask =
  /** Opens these stores one after the other, each at an agreed moment; tells their journal modes, or why not. */
  | { readonly act: 'open'; readonly paths: readonly string[] }
  /** Inserts so many ids; tells the commitments of the winners. */
  | { readonly act: 'insert'; readonly path: string; readonly ids: number }
  /** Inserts ids until it is killed; tells each number once the insert was answered. */
  | { readonly act: 'write'; readonly path: string; readonly prefix: string }
  /** Creates a private file; tells whether it was the one. */
  | { readonly act: 'create-file'; readonly path: string; readonly content: string }
  /** Adds so many tokens, each of a caller of its own; tells their public ids. */
  | { readonly act: 'add-tokens'; readonly path: string; readonly prefix: string; readonly count: number }
  /** Locks the file until it is killed; makes `<path>.held` once it has the lock. */
  | { readonly act: 'hold-lock'; readonly path: string };

const tell = (message: unknown): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(message, () => {
      resolve();
    });
  });

const recordOf = (id: string): KeyRecord =>
  newKeyRecord(
    {
      id: id as KeyId,
      version: firstVersion,
      commitment: randomBytes(32).toString('base64url') as Commitment,
      createdAtMs: 0,
    },
    [{ region: 'eu-west-1' as Region, kmsKey: 'local', bytes: randomBytes(85) }],
  );

const unbounded = new AbortController().signal;

/** Tried again while the file is locked, which on a busy machine can take longer than the store waits. */
async function insert(store: SqliteKeyRepository, id: string): Promise<string> {
  const record = recordOf(id);
  let winner = await store.insert(record, unbounded);
  while (winner.isErr() && winner.error.kind === 'store.unavailable')
    winner = await store.insert(record, unbounded);
  return winner.isOk() ? winner.value.commitment : winner.error.kind;
}

const stepMs = 6;

/** Opens a store as near to `atMs` as can be, and closes it. */
function openAt(atMs: number, path: string): unknown {
  while (Date.now() < atMs);
  const database = openDatabase(path);
  const mode = database.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  database.close();
  return mode;
}

function addTokens({ path, prefix, count }: Extract<StoreTask, { act: 'add-tokens' }>): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const { publicId, secretDigest } = makeBearerToken();
    const caller = `${prefix}${index}` as CallerId;
    const rights = { permissions: new Set(['read'] as const), ids: [everyId] };
    addToken(path, { publicId, secretDigest, caller, ...rights, notBeforeMs: 0 }, Date.now());
    return publicId;
  });
}

const holdLock = (path: string): never =>
  whileLocked(path, () => {
    createPrivateFile(`${path}.held`, '');
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  });

async function act(task: StoreTask, startMs: number): Promise<unknown> {
  if (task.act === 'create-file') return createPrivateFile(task.path, task.content);
  if (task.act === 'add-tokens') return addTokens(task);
  if (task.act === 'hold-lock') return holdLock(task.path);
  if (task.act === 'open') return task.paths.map((path, index) => openAt(startMs + index * stepMs, path));
  const store = new SqliteKeyRepository(openDatabase(task.path));
  if (task.act === 'write') {
    for (let count = 0; ; count += 1) {
      const told = await insert(store, `${task.prefix}${count}`);
      await tell([count, told]);
    }
  }
  const winners: string[] = [];
  for (let index = 0; index < task.ids; index += 1) winners.push(await insert(store, `shared/${index}`));
  store.close();
  return winners;
}

const task = JSON.parse(process.argv[2] ?? '{}') as StoreTask;
await tell('ready');
const [startMs] = (await once(process, 'message')) as [number];
try {
  await tell({ result: await act(task, startMs) });
} catch (error) {
  await tell({ error: String(error) });
}
process.disconnect();
