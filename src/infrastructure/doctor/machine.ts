// What the doctor reports at beside the configuration: this process and its machine, in one place, so that tests can hold
// replace it.
import { randomBytes } from 'node:crypto';
import { open, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../config/environment.js';

export interface Machine {
  /** As `22.13.0`. */
  readonly nodeVersion: string;
  readonly environment: Environment;
  /** The flags that Node was started with. */
  readonly nodeFlags: readonly string[];
  /** The number of the user that this process is; undefined where the system has none. */
  readonly uid: number | undefined;
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** How many bytes can still be written on the disk of this folder. */
  freeBytes(folder: string): Promise<number>;
  /** In what time, in milliseconds, a piece of a file in this folder reaches the disk; rejects when it does not. */
  flushMs(folder: string): Promise<number>;
}

export const thisMachine = (): Machine => ({
  nodeVersion: process.versions.node,
  environment: process.env,
  nodeFlags: process.execArgv,
  uid: process.getuid?.(),
  nowMs: () => Date.now(),
  freeBytes: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  flushMs,
});

/** What is written has no name in the folder any more: nothing of it stays, whatever happens. */
async function flushMs(folder: string): Promise<number> {
  const path = join(folder, `.rkms-doctor-${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx', 0o600);
  try {
    await unlink(path);
    const startMs = performance.now();
    await file.write(Buffer.alloc(4_096));
    await file.sync();
    return performance.now() - startMs;
  } finally {
    await file.close();
  }
}
