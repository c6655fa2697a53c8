// What a test leaves behind and takes away again: temporary folders, servers, clients, processes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tellFolder } from './hunted-run.js';

export class Leftovers {
  readonly #cleanups: (() => Promise<void> | void)[] = [];

  /** Has `cleanup` run at the end. */
  add(cleanup: () => Promise<void> | void): void {
    this.#cleanups.push(cleanup);
  }

  /** A new folder (0700), removed at the end with everything in it. */
  folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'rkms-test-'));
    this.add(() => {
      tellFolder(path);
      rmSync(path, { recursive: true, force: true });
    });
    return path;
  }

  /** Takes everything away, the last first. */
  async clear(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }
}
