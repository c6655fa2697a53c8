// A clock in the test's hand: time moves only when a test says so, and chance repeats itself. The two times start at
// different moments, so that code which confuses a timestamp with a duration is found out.
import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../../src/ports/clock.js';

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** Lets everything happen that needs no time. */
export const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export class ManualClock implements Clock {
  static readonly startMs = Date.UTC(2030, 0, 1);
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;
  #busyMs = 0;
  #setBackMs = 0;
  #isBusy = false;
  #seed: number;

  constructor(seed = 1) {
    this.#seed = seed;
  }

  /** How many timers have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return ManualClock.startMs + this.#elapsedMs - this.#setBackMs;
  }

  /** The time of day was ahead by so much, and is right from now on. */
  setBack(byMs: number): void {
    this.#setBackMs += byMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  idleMs(): number {
    return this.#elapsedMs - this.#busyMs;
  }

  schedule(delayMs: number, fire: () => void): () => void {
    // As a real timer, it goes on in the trace in which it was set.
    const bound = AsyncResource.bind(fire);
    const timer: Timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), fire: bound };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** The same numbers in every run, from the seed (a linear congruential generator). */
  random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  /** Moves time on by `ms`: fires what falls due, in order, and lets its consequences happen before the next. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await settle();
    for (let timer = this.#nextDue(endMs); timer !== undefined; timer = this.#nextDue(endMs)) {
      this.#timers.delete(timer);
      this.#moveTo(Math.max(this.#elapsedMs, timer.dueMs));
      timer.fire();
      await settle();
    }
    this.#moveTo(endMs);
  }

  /** The process is busy: time moves on by `ms`, and nothing fires before `advance`. */
  stall(ms: number): void {
    this.#elapsedMs += ms;
    this.#busyMs += ms;
  }

  /** The process is busy with small things: time moves on by `ms`, and what falls due fires on time. */
  async work(ms: number): Promise<void> {
    this.#isBusy = true;
    await this.advance(ms);
    this.#isBusy = false;
  }

  #moveTo(elapsedMs: number): void {
    if (this.#isBusy) this.#busyMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }

  #nextDue(endMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}
