// The audit log as JSON lines in one file (0600). An entry is on disk before `append` says ok; entries that arrive while
// the disk is busy are flushed together, so that the wait is shared and not queued.
import { closeSync, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import { dirname } from 'node:path';
import type { AuditUnavailable } from '../../domain/failures.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import { StartRefused } from '../../ports/start-refused.js';
import { codeOf, ensurePrivateFolder } from '../files/private-files.js';

interface Waiting {
  readonly line: string;
  readonly resolve: (result: Result<void, AuditUnavailable>) => void;
}

export class AuditFile implements AuditLog {
  private waiting: Waiting[] = [];
  private flushing: Promise<void> | undefined;
  private file: FileHandle | undefined;

  private constructor(private readonly path: string) {}

  /** Makes the file if it is missing; refuses to start where no entry could be written. */
  static open(path: string): AuditFile {
    ensurePrivateFolder(dirname(path));
    try {
      closeSync(openSync(path, 'a', 0o600));
      return new AuditFile(path);
    } catch (cause) {
      throw new StartRefused(
        `the audit log ${path} cannot be written (${codeOf(cause)})`,
        'name another file as audit.file, or give this one to the user that runs RKMS',
        { cause },
      );
    }
  }

  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable> {
    const { timeMs, ...rest } = entry;
    const line = `${JSON.stringify({ time: new Date(timeMs).toISOString(), ...rest })}\n`;
    const written = new Promise<Result<void, AuditUnavailable>>((resolve) => {
      this.waiting.push({ line, resolve });
    });
    this.flushing ??= this.flush();
    return new ResultAsync(written);
  }

  async close(): Promise<void> {
    await this.flushing;
    await this.file?.close();
    this.file = undefined;
  }

  private async flush(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      const result = await this.write(batch.map(({ line }) => line).join(''));
      for (const { resolve } of batch) resolve(result);
    }
    this.flushing = undefined;
  }

  private async write(lines: string): Promise<Result<void, AuditUnavailable>> {
    try {
      this.file ??= await openAtNewLine(this.path);
      await this.file.appendFile(lines);
      await this.file.datasync();
      return ok();
    } catch (cause) {
      await this.file?.close().catch(() => undefined);
      this.file = undefined;
      return err({ kind: 'audit.unavailable', cause });
    }
  }
}

/** Opens the file for appending; a crash or a full disk may have cut its last line short, which is ended first. */
async function openAtNewLine(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', 0o600);
  try {
    if (await endsInMidLine(file)) await file.appendFile('\n');
    return file;
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

async function endsInMidLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString() !== '\n';
}
