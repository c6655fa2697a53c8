// RKMS as its users run it: the built program in processes of its own, in a temporary folder. Everything that it prints
// is kept, everything started is stopped, and only by its own id.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { CommandHost, type Ended } from './command-host.js';
import { ask, type HttpAnswer } from './http-client.js';
import { filesIn, tellEvidence, tellProcess } from './hunted-run.js';
import { SecretHunt } from './secret-hunt.js';

const program = resolve('dist/src/infrastructure/main.js');
const patienceMs = 60_000;

/** Files that are there to hold a token, or a key of a certificate. */
const keptForOwners = ['token'];

export type { Ended };

type Variables = Readonly<Record<string, string>>;

interface ProcessOptions {
  readonly cwd: string;
  readonly env: Variables;
  readonly tells: boolean;
  /** How long it may run at most, in milliseconds. */
  readonly lifeMs: number;
}

export class Process {
  readonly ended: Promise<Ended>;
  readonly tells: boolean;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #onOutput = new Set<() => void>();

  /** `tells` means that showing a secret on stdout is what it is for. */
  constructor(command: string, args: readonly string[], { cwd, env, tells, lifeMs }: ProcessOptions) {
    this.tells = tells;
    const child = spawn(command, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) {
      tellProcess('started', pid);
      child.once('exit', () => {
        tellProcess('ended', pid);
      });
    }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#tell();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    const lateness = setTimeout(() => child.kill('SIGKILL'), lifeMs);
    this.ended = new Promise((resolved, rejected) => {
      child.once('error', rejected);
      child.once('close', (code) => {
        clearTimeout(lateness);
        resolved({ code, stdout: this.stdout, stderr: this.stderr });
        this.#tell();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends a signal to this process alone, and answers when it has ended. */
  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGKILL' = 'SIGTERM'): Promise<Ended> {
    if (this.running) this.#child.kill(signal);
    return this.ended;
  }

  signal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void {
    this.#child.kill(signal);
  }

  /** What `find` finds in the output, as soon as it finds it; fails when the process ends before. */
  async output<T>(find: (stdout: string, stderr: string) => T | undefined): Promise<T> {
    const deadline = AbortSignal.timeout(patienceMs);
    for (;;) {
      const found = find(this.stdout, this.stderr);
      if (found !== undefined) return found;
      if (!this.running || deadline.aborted)
        throw new Error(`it never said so:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((told) => {
        const tell = (): void => {
          this.#onOutput.delete(tell);
          told();
        };
        this.#onOutput.add(tell);
        deadline.addEventListener('abort', tell, { once: true });
      });
    }
  }

  #tell(): void {
    for (const tell of [...this.#onOutput]) tell();
  }
}

/** A process that serves. */
export interface Served extends Process {
  readonly url: string;
  readonly operationsUrl: string;
}

/** What a request for a key got. */
export interface KeyAnswer extends HttpAnswer {
  /** Base64; undefined when there was none. */
  readonly key: string | undefined;
  /** The type of the problem without its prefix. */
  readonly problem: string | undefined;
}

export interface LabOptions {
  /** How long one of its processes may run at most, in milliseconds. */
  readonly lifeMs?: number;
  /** Where to make its folder. */
  readonly under?: string;
}

export class Lab {
  readonly folder: string;
  readonly secrets = new SecretHunt();
  readonly #started: Process[] = [];
  readonly #commands: CommandHost;
  /** What commands printed that did not run in processes of their own. */
  readonly #printed: Printed[] = [];
  readonly #lifeMs: number;

  /** `variables` are in the environment of all its processes; nothing else but PATH is. */
  constructor(
    private readonly variables: Variables = {},
    { lifeMs = 3 * patienceMs, under = tmpdir() }: LabOptions = {},
  ) {
    this.folder = mkdtempSync(join(under, 'rkms-served-'));
    this.#lifeMs = lifeMs;
    this.#commands = new CommandHost(lifeMs);
    requireFreshBuild();
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** Copies a data folder with the permissions of everything in it, so that a service can go on there. */
  copyFolder(from: string, to: string): void {
    execFileSync('cp', ['-a', this.path(from), this.path(to)]);
  }

  /** Starts the program in a process of its own; a service takes free ports unless `variables` say otherwise. */
  start(args: readonly string[], variables: Variables = {}, nodeFlags: readonly string[] = []): Process {
    const ports = args[0] === 'serve' ? freePorts : {};
    const own = { ...ports, ...variables };
    return this.#spawn(process.execPath, [...nodeFlags, program, ...args], own, isForSecrets(args));
  }

  /**
   * Runs a command of the program to its end. All of them run one after the other in one process (run-commands.mjs); use
   * `start` for a service, for signals, and for commands at the same time.
   */
  async run(args: readonly string[], variables: Variables = {}): Promise<Ended> {
    const env = this.#environment(variables);
    // What Node itself reads at its start cannot change later.
    if (Object.keys(env).some((name) => name.startsWith('NODE_'))) return this.start(args, variables).ended;
    const ended = await this.#commands.run({ args, env, cwd: this.folder });
    this.#printed.push({ ...ended, tells: isForSecrets(args) });
    return ended;
  }

  /** The text of a program that runs commands as `run` does, for shells. */
  get rkmsProgram(): string {
    return this.#commands.listen(this.path('rkms.sock'));
  }

  /** Runs a line as a person would paste it. */
  shell(line: string): Promise<Ended> {
    return this.#spawn('sh', ['-c', line], {}, true).ended;
  }

  /** Serves on a free port; answers when the banner was printed. */
  async serve(config: string, variables: Variables = {}, nodeFlags: readonly string[] = []): Promise<Served> {
    const started = this.start(['serve', '--config', config], variables, nodeFlags);
    const url = await started.output((stdout) => /^RKMS serves (http:\S+) [^]*\n$/.exec(stdout)?.[1]);
    const [, operationsUrl = ''] = /^Operations: (http:\S+)$/m.exec(started.stdout) ?? [];
    return Object.assign(started, { url, operationsUrl });
  }

  /** Makes a token by the program itself. */
  async token(config: string, caller: string, allow: string): Promise<string> {
    const made = await this.run([
      'token',
      'create',
      '--config',
      config,
      '--caller',
      caller,
      '--allow',
      allow,
    ]);
    const token = made.stdout.trim();
    if (made.code !== 0) throw new Error(made.stderr);
    this.secrets.addToken(token);
    return token;
  }

  /** Asks for a key, and has every key that is answered hunted for. */
  async get({ url }: { readonly url: string }, id: string, token: string): Promise<KeyAnswer> {
    const target = `/key?id=${encodeURIComponent(id)}`;
    const answer = await ask(url, { target, headers: { authorization: `Bearer ${token}` } });
    const { key, type } = JSON.parse(answer.body) as { key?: string; type?: string };
    if (key !== undefined) this.secrets.addKey(key);
    return { ...answer, key, problem: type?.replace('urn:rkms:problem:', '') };
  }

  /** Places where a secret was found: in what was printed, or in a file whose name is not one of `kept`. */
  leaks(kept: readonly string[]): readonly string[] {
    return this.#evidence(kept).flatMap(({ where, bytes }) =>
      this.secrets.findIn(bytes).map((form) => `${where}: ${form}`),
    );
  }

  /** What was printed, and what is in files whose names are not among `kept`. */
  #evidence(kept: readonly string[]): readonly { readonly where: string; readonly bytes: Buffer }[] {
    const printed = [...this.#started, ...this.#printed].map(({ stdout, stderr, tells }, index) => ({
      where: `output of process ${index}`,
      bytes: Buffer.from(tells ? stderr : stdout + stderr),
    }));
    const files = filesIn(this.folder)
      .filter((path) => !kept.includes(basename(path)))
      .map((path) => ({ where: path, bytes: readFileSync(path) }));
    return [...printed, ...files];
  }

  /**
   * Kills what still runs, tells the hunt over the whole run what was printed and written, and removes the folder. Fails when
   * Node itself had something to warn of in one of the processes.
   */
  async close(): Promise<void> {
    await Promise.all([this.#commands.stop(), ...this.#started.map((started) => started.stop('SIGKILL'))]);
    for (const { where, bytes } of this.#evidence(keptForOwners)) tellEvidence(where, bytes);
    rmSync(this.folder, { recursive: true, force: true });
    const warnings = [...this.#started, ...this.#printed].flatMap(
      ({ stderr }) => /^\(node:\d+\) .*$/m.exec(stderr) ?? [],
    );
    if (warnings.length > 0) throw new Error(`Node warned: ${warnings.join('; ')}`);
  }

  #spawn(command: string, args: readonly string[], variables: Variables, tells: boolean): Process {
    const env = this.#environment(variables);
    const started = new Process(command, args, { cwd: this.folder, env, tells, lifeMs: this.#lifeMs });
    this.#started.push(started);
    return started;
  }

  #environment(variables: Variables): Record<string, string> {
    const { PATH = '' } = process.env;
    const standard = { PATH, HOME: this.folder, AWS_EC2_METADATA_DISABLED: 'true' };
    return { ...standard, ...this.variables, ...variables };
  }
}

/** What a command printed; `tells` as for a process. */
type Printed = Pick<Process, 'stdout' | 'stderr' | 'tells'>;

/** A test's service never takes a fixed port: another run, or `make run`, may have it. */
export const freePorts = { RKMS_SERVER_PORT: '0', RKMS_OPERATIONS_PORT: '0' };

/** Whether showing a secret is what a command is for. */
const isForSecrets = ([command, act]: readonly string[]): boolean =>
  command === 'token' || (command === 'keys' && act === 'get');

/** The permissions of a file or folder, as `0600`. */
export const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8).padStart(4, '0');

/** A configuration without AWS; its regions are those of the embedded default unless others are named. */
export const embeddedConfig = (
  folder: string,
  { deployment = 'embedded', regions = ['us-east-1', 'us-east-2', 'us-west-2'] } = {},
): string =>
  [
    `deployment = "${deployment}"\ndata_dir = "${folder}"\n`,
    ...regions.map((name) => `[[regions]]\nname = "${name}"\nvault = "local-kms"\n`),
    '[store]\nkind = "sqlite"\n',
  ].join('\n');

/** Fails unless the last build began after the last change of every source. */
function requireFreshBuild(): void {
  const builtMs = statSync('dist/.built', { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const stale = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && statSync(join('src', name)).mtimeMs > builtMs,
  );
  if (stale.length > 0) throw new Error(`dist is missing or older than ${stale.join(', ')}: run make build`);
}
