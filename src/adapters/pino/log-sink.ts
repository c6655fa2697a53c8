// Where log lines go: a file descriptor that may be slow, or stuck. Nobody waits for it, and what waits for it is bounded:
// beyond that lines are dropped, counted, and the count is told as soon as there is room. Never throws.
import { constants, fstatSync, openSync } from 'node:fs';
import { pino, type DestinationStream } from 'pino';

export interface LogSinkSettings {
  readonly fd: number;
  /** How many characters may wait to be written. */
  readonly maxWaiting: number;
  /** How long `close` waits for a reader, in milliseconds. */
  readonly closeTimeoutMs: number;
  /** The line that tells of so many dropped ones. */
  readonly droppedLine: (count: number) => string;
}

export class LogSink implements DestinationStream {
  readonly #stream: ReturnType<typeof pino.destination>;
  #dropped = 0;
  #closed = false;
  #patient = true;

  constructor(private readonly settings: LogSinkSettings) {
    const { fd, maxWaiting: maxLength } = settings;
    const retryEAGAIN = (): boolean => this.#patient;
    this.#stream = pino.destination({ dest: impatient(fd), sync: false, maxLength, retryEAGAIN });
    // A log that nobody can read any more is no reason to stop serving.
    this.#stream.on('error', () => undefined);
    this.#stream.on('drop', () => {
      this.#dropped += 1;
    });
    this.#stream.on('drain', () => {
      this.#tellDropped();
    });
  }

  /** One line, with its end. */
  write(line: string): void {
    if (!this.#closed) this.#stream.write(line);
  }

  /** Writes what waits, unless that takes too long; later lines go nowhere. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
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

  /** What cannot be written at once is given up, so that a process may end whose log is not read. */
  abandon(): void {
    this.#closed = true;
    this.#patient = false;
  }

  #tellDropped(): void {
    const count = this.#dropped;
    if (count === 0 || this.#closed) return;
    this.#dropped = 0;
    this.#stream.write(this.settings.droppedLine(count));
  }
}

/**
 * A pipe is opened once more, so that a write to a full one fails at once: it would hold a thread, and with that the end of
 * the process. Where that is not possible the descriptor is used as it is.
 */
function impatient(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}
