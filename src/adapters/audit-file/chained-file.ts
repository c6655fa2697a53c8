// The file that one process appends its audit lines to. Rotates a full file, and notices when the file was moved or cut.
// Only asynchronous file calls, so a slow disk never blocks the event loop. After a failed write the file has exactly the
// lines of the earlier, successful writes.
import { constants } from 'node:fs';
import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../ports/clock.js';
import { nextLine, type Head, type LineFields } from './audit-chain.js';
import { nextRotatedName } from './audit-names.js';
import type { AuditTail } from './audit-tail.js';

export interface ChainedFileSettings {
  /** `disk`: lines are on disk (O_DSYNC) before `write` resolves. `os`: lines are in the operating system's cache. */
  readonly flush: 'disk' | 'os';
  /** A file that would grow above this size is rotated. */
  readonly maxBytes: number;
  /** Further fields of a file's first line. */
  readonly firstFacts?: () => LineFields;
}

/** Time between checks whether the path still names the open file. */
const checkEveryMs = 1_000;

export class ChainedFile {
  #handle: FileHandle | undefined;
  #head: Head;
  #size: number;
  #inode: number;
  #endsInMidLine: boolean;
  /** The file may end in part of a failed write. Only then may it be truncated. */
  #hasRemains: boolean;
  #rotatedTo: string | undefined;
  #checkedMs = -Infinity;

  constructor(
    readonly path: string,
    tail: AuditTail,
    private readonly settings: ChainedFileSettings,
    private readonly clock: Clock,
  ) {
    this.#head = tail.head;
    this.#size = tail.keptBytes;
    this.#inode = tail.inode;
    this.#endsInMidLine = tail.endsInMidLine;
    this.#hasRemains = tail.keptBytes < tail.size;
  }

  get head(): Head {
    return this.#head;
  }

  /** Appends the lines; `rotated` if the file before was rotated first. When it rejects, none of the lines is in the file. */
  async write(lines: readonly LineFields[]): Promise<{ readonly rotated: boolean }> {
    try {
      if (this.#handle !== undefined && (await this.#wasReplaced())) await this.close();
      this.#handle ??= await this.#open();
      let next = this.#compose(lines);
      const rotated =
        !this.#endsInMidLine && this.#size > 0 && this.#size + next.bytes.length > this.settings.maxBytes;
      if (rotated) {
        await this.#rotate();
        next = this.#compose(lines);
      }
      this.#hasRemains = true;
      await writeAll(this.#handle, next.bytes);
      this.#hasRemains = false;
      this.#head = next.head;
      this.#size += next.bytes.length;
      this.#endsInMidLine = false;
      return { rotated };
    } catch (cause) {
      await this.close().catch(() => undefined);
      throw cause;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #compose(lines: readonly LineFields[]): { readonly bytes: Buffer; readonly head: Head } {
    let text = this.#endsInMidLine ? '\n' : '';
    let head = this.#head;
    for (const fields of this.#size === 0 ? [this.#firstLine(), ...lines] : lines) {
      const line = nextLine(head, fields);
      text += line.text;
      head = line.head;
    }
    return { bytes: Buffer.from(text), head };
  }

  /** A new chain has a random name, so that one chain can never be presented as another. */
  #firstLine(): LineFields {
    const time = new Date(this.clock.nowMs()).toISOString();
    const origin =
      this.#head.seq === 0
        ? { chain: randomBytes(16).toString('hex') }
        : { after: this.#rotatedTo === undefined ? null : basename(this.#rotatedTo) };
    return { time, action: 'audit.file', ...origin, ...this.settings.firstFacts?.() };
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.path, appending[this.settings.flush], 0o600);
    try {
      const { ino, size } = await handle.stat();
      if (ino === this.#inode && size > this.#size && this.#hasRemains) {
        await handle.truncate(this.#size);
      } else if (ino !== this.#inode || size !== this.#size) {
        // Moved, cut or written by another program: the chain continues, and `rkms audit verify` reports what is missing.
        this.#endsInMidLine = size > 0;
        this.#size = size;
      }
      this.#inode = ino;
      this.#checkedMs = this.clock.monotonicMs();
      if (this.#size === 0 && this.settings.flush === 'disk') await flushFolder(dirname(this.path));
      return handle;
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  async #rotate(): Promise<void> {
    await this.close();
    const name = nextRotatedName(this.path);
    await rename(this.path, name);
    this.#rotatedTo = name;
    this.#size = 0;
    this.#handle = await this.#open();
  }

  async #wasReplaced(): Promise<boolean> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#checkedMs < checkEveryMs) return false;
    this.#checkedMs = nowMs;
    const found = await stat(this.path).catch(() => undefined);
    return found?.ino !== this.#inode || found.size !== this.#size;
  }
}

const { O_APPEND, O_CREAT, O_WRONLY, O_DSYNC } = constants;
/** With O_DSYNC, a write also does what fdatasync does: one call instead of two, each of which wakes another thread. */
const appending = { os: O_APPEND | O_CREAT | O_WRONLY, disk: O_APPEND | O_CREAT | O_WRONLY | O_DSYNC };

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten;
}

/** Makes the file's name durable. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
