// A process that makes keys with the real service, without HTTP, until it is killed; or that looks whether keys that
// others made are there. Tells on stdout, line by line and at once, what it did. Its one argument is a CrashTask as JSON.
import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Container } from 'inversify';
import type { Logger } from 'pino';
import { filesOfLog } from '../../src/adapters/audit-file/audit-names.js';
import { verifyAudit } from '../../src/adapters/audit-file/verify-audit.js';
import { ensurePrivateFolder } from '../../src/adapters/files/private-files.js';
import type { GuardedKeys } from '../../src/application/access/guarded-keys.js';
import type { Permission } from '../../src/domain/access/caller.js';
import type { DataKey } from '../../src/domain/keys/data-key.js';
import { encryptionContext } from '../../src/domain/keys/encryption-context.js';
import { everyId } from '../../src/domain/access/id-pattern.js';
import { firstVersion, parseCallerId, parseKeyId, type KeyId } from '../../src/domain/ids.js';
import { parseConfig, type Config } from '../../src/infrastructure/config/config.js';
import { bindAdapters, bindApplication } from '../../src/infrastructure/wiring/container.js';
import { GuardedKeysService } from '../../src/infrastructure/wiring/key-bindings.js';
import { ensureFirstToken, firstTokenPath } from '../../src/infrastructure/startup/first-token.js';
import { prepareStore } from '../../src/infrastructure/startup/prepare-store.js';
import { Authenticator } from '../../src/ports/authenticator.js';
import { Clock } from '../../src/ports/clock.js';
import { KeyRepository } from '../../src/ports/key-repository.js';
import { KeyVaults } from '../../src/ports/key-vault.js';

export type CrashTask = MakeTask | VerifyTask;

/** Makes keys `<run>/<n>`, `atOnce` at a time, and asks for the hot ids again and again. */
export interface MakeTask {
  readonly act: 'make';
  readonly folder: string;
  readonly run: string;
  readonly atOnce: number;
  /** After so many requests it ends by itself; otherwise never. */
  readonly requests?: number;
}

/** Looks for the keys that `releasedFile` names: JSON, [id, digest][]. */
export interface VerifyTask {
  readonly act: 'verify';
  readonly folder: string;
  readonly releasedFile: string;
}

/** What a verifying process found. */
export interface Verified {
  /** Ids whose key is gone, another one, or not held by every region, and why. */
  readonly wrong: readonly string[];
  readonly genesis: unknown;
  /** Whether the first token's text is that of a valid token. */
  readonly token: boolean;
  /** What the audit log's own verification finds wrong with its files. */
  readonly audit: readonly string[];
  /** SQLite's own verdict on its file. */
  readonly integrity: unknown;
}

/** The lines with which a maker says how far it is. */
export const milestones = { loaded: 'loaded', ready: 'ready' } as const;
/** Every so many requests are for a hot id, which all runs share. */
const hotEvery = 8;
const hotIds = 5;
const readsAtOnce = 64;

const tell = (line: string): void => {
  writeSync(1, `${line}\n`);
};
const unbounded = (): AbortSignal => new AbortController().signal;
const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing } as unknown as Logger;

const configOf = (folder: string): Config => {
  const regions = ['us-east-1', 'us-east-2', 'us-west-2'];
  const tables = regions.map((name) => `[[regions]]\nname = "${name}"\nvault = "local-kms"\n`);
  const toml = ['deployment = "crash"', ...tables, '[store]\nkind = "sqlite"\ntimeout_ms = 30000'].join('\n');
  return parseConfig(toml, { RKMS_DATA_DIR: folder })._unsafeUnwrap();
};

/** What startService does before it listens. */
async function open(folder: string): Promise<Container> {
  const config = configOf(folder);
  const container = new Container();
  container.load(bindAdapters(config, silent), bindApplication(config));
  ensurePrivateFolder(config.data_dir);
  const store = { repository: container.get(KeyRepository), clock: container.get(Clock) };
  await prepareStore(store, config);
  ensureFirstToken(config, container.get(Clock).nowMs());
  return container;
}

const digestOf = (key: DataKey): string =>
  key.reveal((bytes) => createHash('sha256').update(bytes).digest('hex'));

/** The digest of the id's key, or the kind of the failure. */
async function ask(
  keys: GuardedKeys,
  id: KeyId,
  requestId: string,
  permissions: readonly Permission[],
): Promise<{ digest: string } | { failure: string }> {
  const caller = {
    id: parseCallerId('crash')._unsafeUnwrap(),
    method: 'token',
    grants: [{ source: 'crash', permissions: new Set(permissions), ids: [everyId], deny: [] }],
  } as const;
  const served = await keys.get({ caller, id, requestId }, unbounded());
  if (served.isErr()) return { failure: served.error.kind };
  const digest = digestOf(served.value.key);
  served.value.key.wipe();
  return { digest };
}

async function make({ folder, run, atOnce, requests = Infinity }: MakeTask): Promise<void> {
  tell(milestones.loaded);
  const container = await open(folder);
  const keys = container.get(GuardedKeysService);
  tell(milestones.ready);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < requests) {
      const number = next;
      next += 1;
      const id = number % hotEvery === 0 ? `hot/${(number / hotEvery) % hotIds}` : `${run}/${number}`;
      const requestId = `${run}-${number}`;
      const asked = await ask(keys, parseKeyId(id)._unsafeUnwrap(), requestId, ['read', 'create']);
      tell(
        'digest' in asked ? `released ${id} ${requestId} ${asked.digest}` : `failed ${id} ${asked.failure}`,
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await container.unbindAllAsync();
}

async function verify({ folder, releasedFile }: VerifyTask): Promise<void> {
  const released = JSON.parse(readFileSync(releasedFile, 'utf8')) as [string, string][];
  const container = await open(folder);
  const keys = container.get(GuardedKeysService);
  const wrong: string[] = [];
  const waiting = released.values();
  const work = async (): Promise<void> => {
    for (const [text, digest] of waiting) {
      const id = parseKeyId(text)._unsafeUnwrap();
      const asked = await ask(keys, id, 'verify', ['read']);
      if ('failure' in asked) wrong.push(`${id}: ${asked.failure}`);
      else if (asked.digest !== digest) wrong.push(`${id}: another key`);
      wrong.push(...(await badCopies(container, id, digest)));
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, work));
  const authorization = `Bearer ${readFileSync(firstTokenPath(configOf(folder)), 'utf8').trim()}`;
  const found: Verified = {
    wrong,
    genesis: (await container.get(KeyRepository).genesis(unbounded())).unwrapOr(undefined),
    token: (await container.get(Authenticator).authenticate({ authorization: [authorization] })).isOk(),
    audit: await auditFindings(folder),
    integrity: integrityOf(folder),
  };
  await container.unbindAllAsync();
  tell(JSON.stringify(found));
}

async function badCopies(container: Container, id: KeyId, digest: string): Promise<readonly string[]> {
  const record = (await container.get(KeyRepository).find(id, firstVersion, unbounded())).unwrapOr(undefined);
  if (record === undefined) return [`${id}: no record`];
  const name = { deployment: configOf(task.folder).deployment, id, version: firstVersion };
  const context = encryptionContext(name, record.commitment);
  const bad = container.get(KeyVaults).map(async (vault) => {
    const copy = record.ciphertexts.get(vault.region);
    const opened = copy && (await vault.decrypt(copy, context, unbounded()));
    const right = opened?.isOk() === true && digestOf(opened.value) === digest;
    return right ? [] : [`${id}: not in ${vault.region}`];
  });
  return (await Promise.all(bad)).flat();
}

async function auditFindings(folder: string): Promise<readonly string[]> {
  const paths = filesOfLog(configOf(folder).audit.file);
  const { files, findings } = await verifyAudit(paths, { anchors: [], whole: true });
  return [...files.flatMap((file) => file.findings), ...findings].map((finding) => JSON.stringify(finding));
}

function integrityOf(folder: string): unknown {
  const database = new DatabaseSync(join(folder, 'rkms.sqlite'));
  const verdict = database
    .prepare('PRAGMA integrity_check')
    .all()
    .map((row) => row['integrity_check']);
  database.close();
  return verdict;
}

const task = JSON.parse(process.argv[2] ?? '{}') as CrashTask;
void (task.act === 'make' ? make(task) : verify(task));
