// The audit log as files of JSON lines (0600), chained by hash. An entry is on disk before `append` says ok; entries that
// arrive while the disk is busy are flushed together, so that the wait is shared and not queued.
import { errAsync, err, ok, ResultAsync, type Result } from 'neverthrow';
import { hostname } from 'node:os';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { AuditUnavailable } from '../../domain/failures/key-failures.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { codeOf } from '../files/private-files.js';
import type { Head, LineFields } from './audit-chain.js';
import { acquireWriterLock, type WriterLock } from './writer-lock.js';
import { tailOf, type AuditTail } from './audit-tail.js';
import { ChainedFile, type ChainedFileSettings } from './chained-file.js';

export interface AuditFileSettings extends ChainedFileSettings {
  /** Told where the chain stands: after a start, when a file was put aside, and at the end. For an anchor kept elsewhere. */
  readonly onHead?: (file: string, head: Head) => void;
  /** Told of every attempt to write. */
  readonly onFlush?: (flush: AuditFlush) => void;
}

/** One attempt to write lines, all of them or none. */
export interface AuditFlush {
  readonly lines: number;
  readonly durationMs: number;
  readonly failed: boolean;
}

interface Waiting {
  readonly fields: LineFields;
  readonly resolve: (result: Result<void, AuditUnavailable>) => void;
}

/** Bounds the size of one write. */
const mostAtOnce = 1_000;
/** A write that takes longer means that the disk does not work. */
const stallMs = 2_000;
/** How often a log that fails is tried while nobody asks for a key. */
const retryMs = 1_000;

export class AuditFile implements AuditLog {
  private waiting: Waiting[] = [];
  /** Lines of the log's own that go before the next entry. */
  private due: readonly LineFields[];
  private flushing: Promise<void> | undefined;
  private writingSinceMs: number | undefined;
  private failed: { readonly refused: number; readonly why: string } | undefined;
  private cancelRetry: (() => void) | undefined;
  private closed = false;

  private constructor(
    private readonly lane: WriterLock,
    private readonly file: ChainedFile,
    private readonly clock: Clock,
    private readonly onHead: (file: string, head: Head) => void,
    private readonly onFlush: (flush: AuditFlush) => void,
    torn: AuditTail['torn'],
  ) {
    this.due = [this.mark('audit.open', { host: hostname(), ...(torn && { torn }) })];
  }

  /**
   * Writes in the first file of the log at `base` that no other process writes in, and makes it if it is missing.
   * Refuses to start where no entry could be written, or where the file is no audit log.
   */
  static open(base: string, clock: Clock, settings: AuditFileSettings): AuditFile {
    const lane = acquireWriterLock(base);
    try {
      const tail = tailOf(lane.path);
      const file = new ChainedFile(lane.path, tail, settings, clock);
      const { onHead = () => undefined, onFlush = () => undefined } = settings;
      if (tail.head.seq > 0) onHead(lane.path, tail.head);
      const audit = new AuditFile(lane, file, clock, onHead, onFlush, tail.torn);
      audit.flushing = audit.flush();
      return audit;
    } catch (cause) {
      lane.release();
      throw cause;
    }
  }

  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable> {
    if (this.closed) return errAsync({ kind: 'audit.unavailable', cause: 'closed' });
    if (this.isStalled()) return errAsync({ kind: 'audit.unavailable', cause: 'stalled' });
    const { timeMs, ...rest } = entry;
    const fields = { time: new Date(timeMs).toISOString(), ...rest };
    const written = new Promise<Result<void, AuditUnavailable>>((resolve) => {
      this.waiting.push({ fields, resolve });
    });
    this.flushing ??= this.flush();
    return new ResultAsync(written);
  }

  isWorking(): boolean {
    return this.failed === undefined && !this.isStalled();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.flushing;
    this.cancelRetry?.();
    if (this.failed === undefined) await this.write([this.mark('audit.close', {})]);
    this.cancelRetry?.();
    await this.file.close().catch(() => undefined);
    this.onHead(this.file.path, this.file.head);
    this.lane.release();
  }

  private async flush(): Promise<void> {
    do {
      // Whoever asks in this turn of the event loop is in the same write.
      await endOfTurn();
      const batch = this.waiting.splice(0, mostAtOnce);
      const result = await this.write(batch.map(({ fields }) => fields));
      for (const { resolve } of batch) resolve(result);
    } while (this.waiting.length > 0);
    this.flushing = undefined;
  }

  private async write(entries: readonly LineFields[]): Promise<Result<void, AuditUnavailable>> {
    const startedMs = this.clock.monotonicMs();
    this.writingSinceMs = startedMs;
    const recovered = this.failed ? [this.mark('audit.recovered', this.failed)] : [];
    const lines = [...this.due, ...recovered, ...entries];
    const flushed = (failed: boolean): void => {
      this.onFlush({ lines: lines.length, durationMs: this.clock.monotonicMs() - startedMs, failed });
    };
    try {
      const { putAside } = await this.file.write(lines);
      this.due = [];
      this.failed = undefined;
      if (putAside) this.onHead(this.file.path, this.file.head);
      flushed(false);
      return ok();
    } catch (cause) {
      flushed(true);
      this.failed = { refused: (this.failed?.refused ?? 0) + entries.length, why: codeOf(cause) };
      this.retryLater();
      return err({ kind: 'audit.unavailable', cause });
    } finally {
      this.writingSinceMs = undefined;
    }
  }

  private retryLater(): void {
    if (this.closed) return;
    this.cancelRetry?.();
    this.cancelRetry = this.clock.schedule(retryMs, () => {
      if (this.failed !== undefined) this.flushing ??= this.flush();
    });
  }

  private isStalled(): boolean {
    return this.writingSinceMs !== undefined && this.clock.monotonicMs() - this.writingSinceMs > stallMs;
  }

  /** A line about the log itself. */
  private mark(action: string, facts: LineFields): LineFields {
    return { time: new Date(this.clock.nowMs()).toISOString(), action, ...facts };
  }
}
