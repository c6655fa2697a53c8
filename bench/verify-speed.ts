// Makes a store of many keys with the real adapters (SQLite, three local regions), then measures `rkms verify` over it, and
// `rkms repair` after one region's copy of every key was taken away. Prints keys per second, keys per second of processor
// time (a busy machine gives less than one a second), and the most memory each used. The processor and memory: Linux only.
//
//   node bench/verify-speed.ts [keys] [folder]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Container } from 'inversify';
import { pino } from 'pino';
import { DataKey } from 'rkms/domain/keys/data-key';
import { encryptionContext } from 'rkms/domain/keys/encryption-context';
import { firstVersion, parseKeyId } from 'rkms/domain/ids';
import { newKeyRecord } from 'rkms/domain/keys/key-record';
import { parseConfig } from 'rkms/config';
import { bindAdapters } from 'rkms/container';
import { prepareStore } from '#src/infrastructure/startup/prepare-store';
import { Clock } from 'rkms/ports/clock';
import { KeyRepository } from 'rkms/ports/key-repository';
import { KeyVaults } from 'rkms/ports/key-vault';

const [wanted = '100000', under = tmpdir()] = process.argv.slice(2);
const keys = Number(wanted);
const folder = mkdtempSync(join(under, 'rkms-bench-'));
const configFile = join(folder, 'rkms.toml');
const store = join(folder, 'data', 'rkms.sqlite');

const secondsSince = (startedMs: number): number => (performance.now() - startedMs) / 1_000;

async function fill(): Promise<void> {
  const toml = readFileSync('config/rkms.toml', 'utf8').replace('./data', join(folder, 'data'));
  writeFileSync(configFile, toml);
  const config = parseConfig(toml)._unsafeUnwrap();
  const container = new Container();
  container.load(bindAdapters(config, pino({ level: 'silent' })));
  const [repository, vaults] = [container.get(KeyRepository), container.get(KeyVaults)];
  await prepareStore({ repository, clock: container.get(Clock) }, config);
  const { signal } = new AbortController();
  for (let n = 0; n < keys; n += 1) {
    const key = DataKey.take(randomBytes(32))._unsafeUnwrap();
    const id = parseKeyId(`bench/${n}`)._unsafeUnwrap();
    const commitment = key.commitmentFor(id, firstVersion);
    const context = encryptionContext(
      { deployment: config.deployment, id, version: firstVersion },
      commitment,
    );
    const ciphertexts = [];
    for (const vault of vaults) ciphertexts.push((await vault.encrypt(key, context, signal))._unsafeUnwrap());
    const record = newKeyRecord(
      { id, version: firstVersion, commitment, createdAtMs: Date.now() },
      ciphertexts,
    );
    (await repository.insert(record, signal))._unsafeUnwrap();
  }
  await container.unbindAllAsync();
}

/** Runs a command and prints what it took. */
async function measure(...args: readonly string[]): Promise<void> {
  const startedMs = performance.now();
  const child = spawn(
    process.execPath,
    ['dist/src/infrastructure/main.js', ...args, '--config', configFile],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let [mostKib, cpuSeconds] = [0, 0];
  const watching = setInterval(() => {
    mostKib = Math.max(mostKib, peakOf(child.pid));
    cpuSeconds = Math.max(cpuSeconds, cpuSecondsOf(child.pid));
  }, 50);
  let lines = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (lines += text));
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(watching);
  const seconds = secondsSince(startedMs);
  process.stdout.write(
    `rkms ${args.join(' ')}: exit code ${code}, ${seconds.toFixed(1)} s, ${Math.round(keys / seconds)} keys/s, ` +
      `${cpuSeconds.toFixed(1)} s of processor time, ${Math.round(keys / cpuSeconds)} keys/s of it, ` +
      `at most ${Math.round(mostKib / 1_024)} MiB\n${lines}\n`,
  );
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** User and system time; the kernel counts in hundredths of a second. */
function cpuSecondsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Takes the last region's copy of every key away, as if it had been added to the configuration afterwards. */
function removeCopies(): void {
  const database = new DatabaseSync(store);
  database.exec("UPDATE keys SET ciphertexts = json_remove(ciphertexts, '$[2]'), revision = revision + 1");
  database.close();
}

try {
  const startedMs = performance.now();
  await fill();
  process.stdout.write(`${keys} keys were made in ${secondsSince(startedMs).toFixed(0)} s\n`);
  await measure('verify');
  removeCopies();
  await measure('repair');
  await measure('verify');
} finally {
  rmSync(folder, { recursive: true });
}
