// The one deadline of a request for a key: when its work is aborted, and when its slot is free again. One timer and one
// signal serve both. Never keeps a slot beyond the deadline, however slowly the answer is read.
import type { Context } from 'koa';
import type { Clock } from '../../../ports/clock.js';
import { hasLeft } from '../server/request-facts.js';

/** Milliseconds before the deadline at which the work stops, so that the answer is written in time. */
const answerReserveMs = 100;

/** How long the work for a request may take, in milliseconds. */
const workTimeMs = (timeoutMs: number): number => Math.max(timeoutMs - answerReserveMs, timeoutMs / 2);

export class RequestBounds {
  readonly #work = new AbortController();
  #isWorking = true;
  #cancelTimer: () => void;

  /** `release` is called at least once: when the answer is written, the connection is closed, or after `timeoutMs`. */
  constructor(ctx: Context, clock: Clock, timeoutMs: number, release: () => void) {
    const workMs = workTimeMs(timeoutMs);
    this.#cancelTimer = clock.schedule(workMs, () => {
      this.#abortWork();
      this.#cancelTimer = clock.schedule(timeoutMs - workMs, release);
    });
    const end = (): void => {
      this.#cancelTimer();
      this.#abortWork();
      release();
    };
    if (hasLeft(ctx)) end();
    else ctx.res.once('close', end);
  }

  /** Fires when the caller disconnects or the time for the work is over; never after `workEnded`. */
  get signal(): AbortSignal {
    return this.#work.signal;
  }

  workEnded(): void {
    this.#isWorking = false;
  }

  #abortWork(): void {
    if (this.#isWorking) this.#work.abort();
  }
}
