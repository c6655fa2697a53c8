// What the doctor looks at beside the configuration: this process and its machine, in one place, so that tests can hold
// another one in their hands.
import { statfs } from 'node:fs/promises';
import type { Environment } from '../config-environment.js';

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
});
