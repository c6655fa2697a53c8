// Starts processes that share a file (store-process.ts) and has them start at once.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { compileSources } from './compiled-sources.js';
import type { StoreTask } from './store-process.js';

export class StoreProcesses {
  readonly #running = new Set<ChildProcess>();
  readonly #script: string;

  /** `folder` takes the compiled sources. */
  constructor(folder: string) {
    compileSources(folder, 'test/support/store-process.ts');
    this.#script = join(folder, 'test/support/store-process.js');
  }

  /** A process that is ready and waits to be told when to start, in milliseconds since 1970. */
  async start(task: StoreTask): Promise<ChildProcess> {
    const child = fork(this.#script, [JSON.stringify(task)], {
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    await once(child, 'message');
    return child;
  }

  /** Has all tasks done at once, each by a process of its own; answers what they told. */
  async together(tasks: readonly StoreTask[]): Promise<readonly unknown[]> {
    const children = await Promise.all(tasks.map((task) => this.start(task)));
    const results = children.map(async (child) => {
      const [message] = (await once(child, 'message')) as [unknown];
      return message;
    });
    const exits = children.map((child) => once(child, 'exit'));
    const startMs = Date.now() + 20;
    for (const child of children) child.send(startMs);
    const told = await Promise.all(results);
    await Promise.all(exits);
    return told;
  }

  /** Kills whatever still runs. */
  async stop(): Promise<void> {
    const exits = [...this.#running].map(async (child) => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    });
    await Promise.all(exits);
  }
}
