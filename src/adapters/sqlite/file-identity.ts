// Notices that the store's path no longer names the file that this process opened, for example after a backup was restored
// under a running service. Keys that this process writes to the old file would be lost, and ids would get a second key (I1).
import { statSync } from 'node:fs';
import { codeOf } from '../files/private-files.js';

export class FileIdentity {
  readonly #opened: string;

  /** To be created directly after the file was opened. */
  constructor(private readonly path: string) {
    this.#opened = identityOf(path);
  }

  isUnchanged(): boolean {
    return identityOf(this.path) === this.#opened;
  }
}

/** Device and inode. A missing file has another identity than any file. */
function identityOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (cause) {
    return codeOf(cause);
  }
}
