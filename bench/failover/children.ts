// Every process that the bench starts, so that each is stopped, by its own id, however the bench ends.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export class Children {
  readonly #running = new Set<ChildProcess>();

  constructor() {
    // First of all: what still runs would write into the folder that is being removed.
    process.prependOnceListener('exit', () => {
      for (const child of this.#running) child.kill('SIGKILL');
    });
  }

  /** A process of the bench's own, to talk with. */
  fork(script: string, ...args: readonly string[]): ChildProcess {
    return this.#keep(
      fork(script, [...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] }),
    );
  }

  /** Node with these arguments; `stderr` is a file. It can be talked with, too. */
  node(
    args: readonly string[],
    { cwd, env, stderr }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly stderr: number },
  ): ChildProcess {
    return this.#keep(
      spawn(process.execPath, [...args], { cwd, env, stdio: ['ignore', 'pipe', stderr, 'ipc'] }),
    );
  }

  /** Asks it to end, insists after a while, and answers with its exit code; null when a signal ended it. */
  async stop(child: ChildProcess): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), insistAfterMs);
    await ended;
    clearTimeout(insist);
    return child.exitCode;
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }
}

const insistAfterMs = 5_000;

/** The child's next message; fails when it ends or says nothing for 20 s. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(20_000) })) as [unknown];
  return message;
}
