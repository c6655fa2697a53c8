// Starts the process that runs commands for tests (run-commands.mjs), and hands it one command after the other. A command
// costs a few milliseconds there, and half a second in a process of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';

/** A program that has ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Command {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly number: number;
  readonly resolve: (ended: Ended) => void;
}

const script = resolve('test/support/run-commands.mjs');
const client = resolve('test/support/rkms-client.mjs');

const decoded = (latin1: string): string => Buffer.from(latin1, 'latin1').toString();

export class CommandHost {
  #child: ChildProcess | undefined;
  #waiting: Waiting[] = [];
  #output = { stdout: '', stderr: '' };
  #numbers = 0;
  #server: Server | undefined;

  /** A command that runs longer than `lifeMs` is killed, and those that wait behind it. */
  constructor(private readonly lifeMs: number) {}

  async run(command: Command): Promise<Ended> {
    const { code, stdout, stderr } = await this.#run(command);
    return { code, stdout: decoded(stdout), stderr: decoded(stderr) };
  }

  /** Runs what shells ask for through the Unix socket `path`; answers with the text of a program that asks. */
  listen(path: string): string {
    this.#server ??= createServer((socket) => {
      this.#serve(socket);
    }).listen(path);
    return `#!/bin/sh\nexec '${process.execPath}' '${client}' '${path}' "$@"\n`;
  }

  #serve(socket: Socket): void {
    let text = '';
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      void this.#run(JSON.parse(text) as Command).then((ended) => {
        socket.end(JSON.stringify(ended), 'latin1');
      });
    });
  }

  /** What was printed has a character for each byte. */
  #run({ args, cwd, env }: Command): Promise<Ended> {
    const child = (this.#child ??= this.#start());
    this.#numbers += 1;
    const number = this.#numbers;
    return new Promise((resolved) => {
      const lateness = setTimeout(() => child.kill('SIGKILL'), this.lifeMs);
      const resolve = (ended: Ended): void => {
        clearTimeout(lateness);
        resolved(ended);
      };
      this.#waiting.push({ number, resolve });
      child.send({ number, args, cwd, env });
    });
  }

  async stop(): Promise<void> {
    this.#server?.close();
    const child = this.#child;
    if (child === undefined) return;
    const closed = new Promise((resolved) => child.once('close', resolved));
    child.kill('SIGKILL');
    await closed;
  }

  #start(): ChildProcess {
    const flags = ['--disable-warning=ExperimentalWarning', '--disable-proto=delete'];
    const child = spawn(process.execPath, [...flags, script], {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('latin1').on('data', (text: string) => {
        this.#output[stream] += text;
        this.#take();
      });
    }
    child.once('close', () => {
      this.#child = undefined;
      for (const { resolve } of this.#waiting.splice(0)) resolve({ code: null, ...this.#output });
      this.#output = { stdout: '', stderr: '' };
    });
    return child;
  }

  /** Answers the first command once its end mark came on both streams. */
  #take(): void {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const mark = new RegExp(`\0end ${first.number} (\\d+)\0`);
      const [stdout, stderr] = [mark.exec(this.#output.stdout), mark.exec(this.#output.stderr)];
      if (stdout === null || stderr === null) return;
      const ended = {
        code: Number(stdout[1]),
        stdout: this.#output.stdout.slice(0, stdout.index),
        stderr: this.#output.stderr.slice(0, stderr.index),
      };
      this.#output = {
        stdout: this.#output.stdout.slice(stdout.index + stdout[0].length),
        stderr: this.#output.stderr.slice(stderr.index + stderr[0].length),
      };
      this.#waiting.shift();
      first.resolve(ended);
    }
  }
}
