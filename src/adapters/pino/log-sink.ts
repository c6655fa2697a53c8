// Writes log lines to a file descriptor that may be slow or blocked. Never blocks the event loop and never throws. The queue
// is bounded: when it is full, further lines are dropped, and the number of dropped lines is logged once there is room.
// Lines that come within a few milliseconds share one write.
import { constants, fstatSync, openSync } from 'node:fs';
import { pino, type DestinationStream } from 'pino';

export interface LogSinkSettings {
  readonly fd: number;
  /** Capacity of the queue, in characters. */
  readonly maxQueued: number;
  /** How long `close` waits until the queue is written, in milliseconds. */
  readonly closeTimeoutMs: number;
  /**
   * Lines are written together up to this many bytes. Where several processes write to one pipe, Linux keeps writes of up to
   * 4,096 bytes (PIPE_BUF) apart; default 16,384.
   */
  readonly maxWrite?: number;
  /** Builds the line, with its line feed, that reports `count` dropped lines. */
  readonly droppedLine: (count: number) => string;
}

/** Lines that follow another one within this time (ms) are written together. */
const gatherMs = 10;
const defaultMaxWrite = 16_384;

export class LogSink implements DestinationStream {
  readonly #stream: ReturnType<typeof pino.destination>;
  #lines: string[] = [];
  #length = 0;
  #gathering: NodeJS.Timeout | undefined;
  #dropped = 0;
  #closed = false;
  #retries = true;
  /** Whether the last write failed for another reason than a slow reader, for example a full disk. */
  #isFailing = false;

  constructor(private readonly settings: LogSinkSettings) {
    const { fd, maxQueued: maxLength, maxWrite = defaultMaxWrite } = settings;
    const retryEAGAIN = (): boolean => this.#retries;
    const dest = nonBlocking(fd);
    this.#stream = pino.destination({ dest, sync: false, maxLength, maxWrite, retryEAGAIN });
    // RKMS keeps serving when its log cannot be written, for example after the reader of a pipe has ended.
    this.#stream.on('error', () => {
      this.#isFailing = true;
    });
    this.#stream.on('write', () => {
      this.#isFailing = false;
    });
    this.#stream.on('drop', (lines: string) => {
      this.#dropped += lines.split('\n').length - 1;
    });
    this.#stream.on('drain', () => {
      this.#reportDropped();
    });
  }

  /** Queues one line, which must end in a line feed: it is written at once, or with others that follow it closely. */
  write(line: string): void {
    if (this.#closed) return;
    const { maxWrite = defaultMaxWrite } = this.settings;
    if (this.#length + line.length > maxWrite) this.#flush();
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#gathering === undefined) this.#flush();
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#flush();
    }, gatherMs);
  }

  /** Writes the queue and closes, within `closeTimeoutMs`. Lines written after this call are discarded. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#flush();
    this.#closed = true;
    clearTimeout(this.#gathering);
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.abandon();
        resolve();
      }, this.settings.closeTimeoutMs);
      this.#stream.once('close', () => {
        clearTimeout(late);
        resolve();
      });
      this.#stream.end();
    });
  }

  /** Discards what cannot be written at once, so that the process can exit even if its log is not read. */
  abandon(): void {
    if (!this.#closed) this.#flush();
    this.#closed = true;
    clearTimeout(this.#gathering);
    this.#retries = false;
    // At exit, the stream would try for ever to write what a full disk refuses.
    if (this.#isFailing) this.#stream.destroy();
  }

  #flush(): void {
    const lines = this.#lines.join('');
    this.#lines = [];
    this.#length = 0;
    if (lines !== '') this.#stream.write(lines);
  }

  #reportDropped(): void {
    const count = this.#dropped;
    if (count === 0 || this.#closed) return;
    this.#dropped = 0;
    this.#stream.write(this.settings.droppedLine(count));
  }
}

/**
 * Opens a pipe a second time with O_NONBLOCK, so that a write to a full pipe fails with EAGAIN. A blocking write would occupy
 * a thread of libuv's pool and keep the process from exiting. Where /proc is missing, the descriptor is used as it is.
 */
function nonBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}
