// The file that one process writes its lane of the audit log in: appends lines to the chain, puts a full file aside, and
// notices when the file was moved or cut. After a failed write it holds exactly what was written well before.
import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../ports/clock.js';
import { nextLine, type Head, type LineFields } from './audit-chain.js';
import { nextNameAside } from './audit-names.js';
import type { AuditTail } from './audit-tail.js';

export interface ChainedFileSettings {
  /** `disk`: a line is on the disk before `write` answers. `os`: the operating system has it, and writes it when it likes. */
  readonly flush: 'disk' | 'os';
  /** A file that would grow above this is put aside. */
  readonly maxBytes: number;
}

/** How often the file is looked for under its name. */
const lookEveryMs = 1_000;

export class ChainedFile {
  #handle: FileHandle | undefined;
  #head: Head;
  #size: number;
  #inode: number;
  #endsInMidLine: boolean;
  /** The file may hold more than was written well; only then is it cut. */
  #hasRemains: boolean;
  #putAside: string | undefined;
  #lookedMs = -Infinity;

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

  /** Appends the lines; answers whether the file before was put aside for it. When it rejects, none of them is kept. */
  async write(lines: readonly LineFields[]): Promise<{ readonly putAside: boolean }> {
    try {
      if (this.#handle !== undefined && (await this.#wasTouched())) await this.#letGo();
      this.#handle ??= await this.#open();
      let next = this.#compose(lines);
      const putAside =
        !this.#endsInMidLine && this.#size > 0 && this.#size + next.bytes.length > this.settings.maxBytes;
      if (putAside) {
        await this.#rotate();
        next = this.#compose(lines);
      }
      this.#hasRemains = true;
      await this.#handle.appendFile(next.bytes);
      if (this.settings.flush === 'disk') await this.#handle.datasync();
      this.#hasRemains = false;
      this.#head = next.head;
      this.#size += next.bytes.length;
      this.#endsInMidLine = false;
      return { putAside };
    } catch (cause) {
      await this.#letGo().catch(() => undefined);
      throw cause;
    }
  }

  async close(): Promise<void> {
    await this.#letGo();
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

  /** A beginning is unlike any other, so that no chain can pass for another. */
  #firstLine(): LineFields {
    const time = new Date(this.clock.nowMs()).toISOString();
    const origin =
      this.#head.seq === 0
        ? { chain: randomBytes(16).toString('hex') }
        : { after: this.#putAside === undefined ? null : basename(this.#putAside) };
    return { time, action: 'audit.file', ...origin };
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.path, 'a', 0o600);
    try {
      const { ino, size } = await handle.stat();
      if (ino === this.#inode && size > this.#size && this.#hasRemains) {
        await handle.truncate(this.#size);
      } else if (ino !== this.#inode || size !== this.#size) {
        // Moved, cut or written to by others: the chain goes on all the same, and its verification finds what is missing.
        this.#endsInMidLine = size > 0;
        this.#size = size;
      }
      this.#inode = ino;
      this.#lookedMs = this.clock.monotonicMs();
      if (this.#size === 0 && this.settings.flush === 'disk') await flushFolder(dirname(this.path));
      return handle;
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  async #rotate(): Promise<void> {
    await this.#letGo();
    const aside = nextNameAside(this.path);
    await rename(this.path, aside);
    this.#putAside = aside;
    this.#size = 0;
    this.#handle = await this.#open();
  }

  async #wasTouched(): Promise<boolean> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#lookedMs < lookEveryMs) return false;
    this.#lookedMs = nowMs;
    const found = await stat(this.path).catch(() => undefined);
    return found?.ino !== this.#inode || found.size !== this.#size;
  }

  async #letGo(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

/** Has the folder remember the file's name. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
