// The audit log as files of JSON lines (0600) in a hash chain. `append` succeeds only after the entry is on disk. Entries
// that arrive during a write share the next one, so the delay does not grow with their number.
import { errAsync, err, ok, ResultAsync, type Result } from 'neverthrow';
import { hostname } from 'node:os';
import { setImmediate as endOfTurn, setTimeout as delay } from 'node:timers/promises';
import type { AuditUnavailable } from '../../domain/failures/key-failures.js';
import type { AuditEntry, AuditLog } from '../../ports/audit-log.js';
import type { Clock } from '../../ports/clock.js';
import { codeOf } from '../files/private-files.js';
import type { Head, LineFields } from './audit-chain.js';
import { acquireWriterLock, type WriterLock } from './writer-lock.js';
import { KeyLedger } from './key-ledger.js';
import { readLedger } from './logged-keys.js';
import { tailOf, type AuditTail } from './audit-tail.js';
import { ChainedFile, type ChainedFileSettings } from './chained-file.js';

export interface AuditFileSettings extends Omit<ChainedFileSettings, 'firstFacts'> {
  /** Called with the chain's head at the start, after a rotation and at the end: an anchor, for storage elsewhere. */
  readonly onHead?: (file: string, head: Head) => void;
  /** Called after every attempt to write. */
  readonly onFlush?: (flush: AuditFlush) => void;
}

/** One attempt to write lines. If it failed, none of them is in the log. */
export interface AuditFlush {
  readonly lines: number;
  readonly durationMs: number;
  readonly failed: boolean;
}

interface QueuedEntry {
  readonly fields: LineFields;
  readonly resolve: (result: Result<void, AuditUnavailable>) => void;
}

/** Under load, writes begin at least this far apart (ms), so that one flush of the disk serves more entries. */
const minSpacingMs = 2;
/** Entries in one write. */
const maxBatch = 1_000;
/** A write that takes longer counts as failed: new entries are refused. The default deadline of a request is 2 s, too. */
const stallMs = 2_000;
/** Time between attempts to write to a failed log while no entries arrive. */
const retryMs = 1_000;

export class AuditFile implements AuditLog {
  private queue: QueuedEntry[] = [];
  /** Lines about the log itself, to be written before the next entry. */
  private pendingMarks: readonly LineFields[];
  private flushing: Promise<void> | undefined;
  private writingSinceMs: number | undefined;
  private failed: { readonly refused: number; readonly why: string } | undefined;
  private cancelRetry: (() => void) | undefined;
  private closed = false;
  private beganAtMs = -Infinity;
  private lastBatch = 0;
  /** Resolves when the keys that the file names are known: the first line of the next file repeats the newest. */
  private readonly ledgerRead: Promise<void>;

  private constructor(
    private readonly lock: WriterLock,
    private readonly file: ChainedFile,
    private readonly clock: Clock,
    private readonly onHead: (file: string, head: Head) => void,
    private readonly onFlush: (flush: AuditFlush) => void,
    torn: AuditTail['torn'],
    private readonly ledger: KeyLedger,
  ) {
    // A file that cannot be read now fails the first write as well.
    this.ledgerRead = readLedger(ledger, lock.path).catch(() => undefined);
    this.pendingMarks = [this.mark('audit.open', { host: hostname(), ...(torn && { torn }) })];
  }

  /**
   * Opens the first file of the log at `base` that no other process writes to, and creates it if it is missing. Throws an
   * OperatorError if the file cannot be written or is not an audit log.
   */
  static open(base: string, clock: Clock, settings: AuditFileSettings): AuditFile {
    const lock = acquireWriterLock(base);
    try {
      const tail = tailOf(lock.path);
      const ledger = new KeyLedger();
      const file = new ChainedFile(lock.path, tail, { ...settings, firstFacts: () => ledger.mark }, clock);
      const { onHead = () => undefined, onFlush = () => undefined } = settings;
      if (tail.head.seq > 0) onHead(lock.path, tail.head);
      const audit = new AuditFile(lock, file, clock, onHead, onFlush, tail.torn, ledger);
      audit.flushing = audit.flush();
      return audit;
    } catch (cause) {
      lock.release();
      throw cause;
    }
  }

  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable> {
    if (this.closed) return errAsync({ kind: 'audit.unavailable', cause: 'closed' });
    if (this.isStalled()) return errAsync({ kind: 'audit.unavailable', cause: 'stalled' });
    const { timeMs, ...rest } = entry;
    const fields = { time: new Date(timeMs).toISOString(), ...rest };
    const written = new Promise<Result<void, AuditUnavailable>>((resolve) => {
      this.queue.push({ fields, resolve });
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
    this.lock.release();
  }

  private async flush(): Promise<void> {
    do {
      // Entries of the same turn of the event loop share one write.
      await endOfTurn();
      const sinceMs = this.clock.monotonicMs() - this.beganAtMs;
      if (this.lastBatch > 1 && sinceMs < minSpacingMs) await delay(minSpacingMs - sinceMs);
      const batch = this.queue.splice(0, maxBatch);
      this.beganAtMs = this.clock.monotonicMs();
      this.lastBatch = batch.length;
      const result = await this.write(batch.map(({ fields }) => fields));
      for (const { resolve } of batch) resolve(result);
    } while (this.queue.length > 0);
    this.flushing = undefined;
  }

  private async write(entries: readonly LineFields[]): Promise<Result<void, AuditUnavailable>> {
    await this.ledgerRead;
    const startedMs = this.clock.monotonicMs();
    this.writingSinceMs = startedMs;
    const recovered = this.failed ? [this.mark('audit.recovered', this.failed)] : [];
    const lines = [...this.pendingMarks, ...recovered, ...entries];
    const flushed = (failed: boolean): void => {
      this.onFlush({ lines: lines.length, durationMs: this.clock.monotonicMs() - startedMs, failed });
    };
    try {
      const { rotated } = await this.file.write(lines);
      const before = this.file.head.seq - lines.length;
      for (const [at, line] of lines.entries()) this.ledger.take(line, before + at + 1);
      this.pendingMarks = [];
      this.failed = undefined;
      if (rotated) this.onHead(this.file.path, this.file.head);
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
