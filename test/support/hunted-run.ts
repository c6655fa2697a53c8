// The hunt over a whole test run: whatever tests print or write into files is put aside in one folder, the secrets that
// went through their hands in another, and when the run is over everything of the one is searched for everything of the
// other.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needlesOf, NeedleSearch } from './needles.ts';

const variable = 'RKMS_HUNTED_RUN';

/** Begins a hunted run: all test processes started from here on take part. */
export function beginHunt(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-hunt-'));
  mkdirSync(join(folder, 'evidence'));
  mkdirSync(join(folder, 'secrets'));
  process.env[variable] = folder;
  return folder;
}

/** The folder of the run that this process belongs to. */
export function huntedFolder(): string | undefined {
  const folder = process.env[variable];
  return folder !== undefined && existsSync(folder) ? folder : undefined;
}

/** Has a key or the secret of a token looked for at the end; one file per process, a line each. */
export function tellSecret(secret: Uint8Array): void {
  const folder = huntedFolder();
  if (folder === undefined) return;
  appendFileSync(join(folder, 'secrets', String(process.pid)), `${Buffer.from(secret).toString('hex')}\n`);
}

/** Notes that a process was started or has ended, so that none outlives the run. */
export function tellProcess(what: 'started' | 'ended', pid: number): void {
  const folder = huntedFolder();
  if (folder !== undefined) appendFileSync(join(folder, 'processes'), `${what} ${pid}\n`);
}

/** Kills the processes that failed tests left running; answers how many there were. */
export function killLeft(folder: string): number {
  const path = join(folder, 'processes');
  const left = new Set<string>();
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    const [what, pid = ''] = line.split(' ');
    if (what === 'started') left.add(pid);
    if (what === 'ended') left.delete(pid);
  }
  for (const pid of left) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended in this moment.
    }
  }
  return left.size;
}

/** Puts bytes aside that tests printed or wrote; what is the same is kept once. */
export function tellEvidence(where: string, bytes: Uint8Array): void {
  const folder = huntedFolder();
  if (folder === undefined) return;
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const path = join(folder, 'evidence', name);
  if (!existsSync(path)) writeFileSync(path, bytes);
  appendFileSync(join(folder, 'places'), `${name} ${where.replaceAll('\n', ' ')}\n`);
}

/** From now on puts aside what is printed to this stream, while it is printed. */
export function tellPrinted(where: string, stream: Pick<NodeJS.WriteStream, 'write'>): void {
  const folder = huntedFolder();
  if (folder === undefined) return;
  const name = createHash('sha256').update(where).digest('hex').slice(0, 32);
  const write = stream.write.bind(stream) as (text: string | Uint8Array, ...more: unknown[]) => boolean;
  appendFileSync(join(folder, 'places'), `${name} ${where}\n`);
  const tellAndWrite = (text: string | Uint8Array, ...more: unknown[]): boolean => {
    // The last words of a run, when the hunt is over.
    if (existsSync(folder)) appendFileSync(join(folder, 'evidence', name), text);
    return write(text, ...more);
  };
  stream.write = tellAndWrite;
}

/** Puts all files of a folder aside. */
export function tellFolder(folder: string): void {
  if (huntedFolder() === undefined || !existsSync(folder)) return;
  for (const path of filesIn(folder)) tellEvidence(path, readIfAllowed(path));
}

/** The paths of all files below a folder. Links are not followed: they lead to the packages of the project. */
export const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : [];
  });

export interface HuntReport {
  readonly secrets: number;
  readonly files: number;
  readonly bytes: number;
  /** Where something was found, and in which form; never the secret. */
  readonly hits: readonly string[];
}

/** Searches all evidence for all secrets. */
export function endHunt(folder: string): HuntReport {
  const secrets = new Set(
    readdirSync(join(folder, 'secrets')).flatMap((name) =>
      readFileSync(join(folder, 'secrets', name), 'utf8')
        .trimEnd()
        .split('\n'),
    ),
  );
  const search = new NeedleSearch([...secrets].flatMap((hex) => needlesOf(hex, Buffer.from(hex, 'hex'))));
  const names = readdirSync(join(folder, 'evidence'));
  const hits = new Set<string>();
  let bytes = 0;
  for (const name of names) {
    const evidence = readFileSync(join(folder, 'evidence', name));
    bytes += evidence.length;
    search.in(evidence, ({ form }) => hits.add(`${placeOf(folder, name)}: ${form}`));
  }
  return { secrets: secrets.size, files: names.length, bytes, hits: [...hits] };
}

export function clearHunt(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Tests also make files that nobody may read. */
function readIfAllowed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

const placeOf = (folder: string, name: string): string =>
  readFileSync(join(folder, 'places'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.slice(name.length + 1) ?? name;
