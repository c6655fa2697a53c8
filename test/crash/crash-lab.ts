// Starts key makers, kills them at chosen moments, and remembers every key that they released: a key counts as released
// once its whole line came through the pipe. What was released is then looked for, by a fresh process and in the files.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { filesOfLog } from '../../src/adapters/audit-file/audit-names.js';
import { writeOneFile } from '../support/one-file.js';
import type { CrashTask, MakeTask, Verified } from './key-maker.js';

/** When to kill: so long after the line was read. Line 1 says that the program is loaded, 2 that it is ready. */
export interface KillPlan {
  readonly afterLines: number;
  readonly delayMs: number;
}

/** How a process is started besides. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A line of shell to run before, in the same process. */
  readonly shell?: string;
  /** Hears of every line; `kill` ends the process. */
  readonly onLine?: (line: string, kill: () => void) => void;
}

/** How a maker ended. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stderr: string;
}

const program = 'test/crash/key-maker.ts';

export class CrashLab {
  readonly root = mkdtempSync(join(tmpdir(), 'rkms-crash-'));
  readonly #program = join(this.root, 'key-maker.cjs');
  readonly #running = new Set<ChildProcess>();
  #folders = 0;

  constructor() {
    writeOneFile(program, this.#program);
  }

  newFolder(): CrashedFolder {
    this.#folders += 1;
    return new CrashedFolder(this, join(this.root, `data-${this.#folders}`));
  }

  /** Runs a task to its end, or until the plan's moment has come. */
  async run(
    task: CrashTask,
    plan?: KillPlan,
    { env = {}, shell, onLine }: StartOptions = {},
  ): Promise<Outcome> {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', this.#program];
    const command = [...node, JSON.stringify(task)];
    const [file = '', ...args] =
      shell === undefined ? command : ['sh', '-c', `${shell}; exec "$@"`, 'sh', ...command];
    const child = spawn(file, args, {
      env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: join(this.root, 'compiled'), ...env },
    });
    this.#running.add(child);
    const lines: string[] = [];
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const before = lines.length;
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      for (const line of parts) onLine?.(line, () => child.kill('SIGKILL'));
      if (plan && before < plan.afterLines && lines.length >= plan.afterLines) killAfter(child, plan.delayMs);
    });
    const stderr = text(child.stderr);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...ended) => {
        resolve(ended);
      });
    });
    this.#running.delete(child);
    return { lines, code, signal, stderr: await stderr };
  }

  close(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Timers are too coarse for the first milliseconds, in which most happens. */
function killAfter(child: ChildProcess, delayMs: number): void {
  const atMs = performance.now() + delayMs;
  setTimeout(
    () => {
      while (performance.now() < atMs);
      child.kill('SIGKILL');
    },
    Math.max(0, delayMs - 2),
  );
}

/** One data folder and everything that was ever released from it. */
export class CrashedFolder {
  /** :: id -> SHA-256 of its key */
  readonly released = new Map<string, string>();
  /** What makers said of requests that got no key. */
  readonly failures: string[] = [];
  readonly #requests = new Map<string, string>();
  readonly #unverified = new Map<string, string>();
  #masterKeys: Record<string, string> = {};
  #genesis: unknown;
  #wrong: string[] = [];

  constructor(
    private readonly lab: CrashLab,
    readonly path: string,
  ) {}

  /** Runs a maker to its end, which may not be another than the plan's; what it did is remembered. */
  async make(
    task: Omit<MakeTask, 'act' | 'folder'>,
    plan?: KillPlan,
    options?: StartOptions,
  ): Promise<Outcome> {
    const outcome = await this.lab.run({ act: 'make', folder: this.path, ...task }, plan, options);
    for (const line of outcome.lines) this.#note(line);
    const killed = outcome.signal === 'SIGKILL' || outcome.code === 0;
    if (!killed) throw new Error(`a maker ended by itself (${outcome.code ?? '-'}): ${outcome.stderr}`);
    return outcome;
  }

  /** How many requests were answered with a key. */
  get answers(): number {
    return this.#requests.size;
  }

  /** Everything that is wrong now; looks at the keys released since the last time, or at all of them. */
  async problems(which: 'new' | 'all'): Promise<readonly string[]> {
    const releasedFile = join(this.lab.root, `${this.path.split('/').at(-1) ?? ''}.released`);
    writeFileSync(releasedFile, JSON.stringify([...(which === 'all' ? this.released : this.#unverified)]));
    this.#unverified.clear();
    const { code, lines, stderr } = await this.lab.run({ act: 'verify', folder: this.path, releasedFile });
    if (code !== 0) return [...this.#wrong, `the store does not open: ${stderr}`];
    const found = JSON.parse(lines.at(-1) ?? '') as Verified;
    this.#genesis ??= found.genesis;
    return [
      ...this.#wrong,
      ...found.wrong,
      ...found.audit,
      ...(found.token ? [] : ['the first token is not valid']),
      ...(JSON.stringify(found.integrity) === '["ok"]' ? [] : [JSON.stringify(found.integrity)]),
      ...(JSON.stringify(found.genesis) === JSON.stringify(this.#genesis) ? [] : ['another genesis']),
      ...this.#damagedFiles(),
    ];
  }

  #note(line: string): void {
    const [what, id = '', ...facts] = line.split(' ');
    if (what === 'failed') this.failures.push(line);
    if (what !== 'released') return;
    const [requestId = '', digest = ''] = facts;
    this.#requests.set(requestId, id);
    this.#unverified.set(id, digest);
    const before = this.released.get(id);
    if (before !== undefined && before !== digest) this.#wrong.push(`${id}: a second key`);
    this.released.set(id, digest);
  }

  /** The audit log has a line for every answer; the master keys are what they were; nothing half-made lies about. */
  #damagedFiles(): readonly string[] {
    const wrong: string[] = [];
    const audited = new Map(this.#auditEntries().map(({ requestId, ...entry }) => [requestId, entry]));
    for (const [requestId, id] of this.#requests) {
      const entry = audited.get(requestId);
      const kept = entry?.id === id && ['created', 'opened'].includes(entry.outcome);
      if (!kept) wrong.push(`${requestId}: not in the audit log`);
    }
    const folder = join(this.path, 'master-keys');
    const names = readdirSync(folder).filter((name) => name.endsWith('.key'));
    if (names.length !== 3) wrong.push(`master keys: ${names.join()}`);
    const digests = names.map((name) => {
      const digest = createHash('sha256').update(readFileSync(join(folder, name)));
      return [name, digest.digest('hex')] as const;
    });
    this.#masterKeys = { ...Object.fromEntries(digests), ...this.#masterKeys };
    for (const [name, digest] of digests) {
      if (this.#masterKeys[name] !== digest) wrong.push(`another master key ${name}`);
    }
    return wrong;
  }

  /** A line that a crash cut short is no entry; whoever waits for it got no key. */
  #auditEntries(): readonly { requestId: string; id: string; outcome: string }[] {
    return filesOfLog(join(this.path, 'audit.jsonl'))
      .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as { requestId: string; id: string; outcome: string }];
        } catch {
          return [];
        }
      });
  }
}
