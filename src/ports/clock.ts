// Time and chance, so that tests can hold both in their hands. Nothing here is fit for making keys.
import { token } from './token.js';

export interface Clock {
  /** Milliseconds since 1970 in UTC; may jump. For timestamps. */
  nowMs(): number;
  /** Milliseconds since some moment; never goes back. For durations. */
  monotonicMs(): number;
  /** How long this process has waited with nothing to do, in milliseconds since some moment; never goes back. */
  idleMs(): number;
  /** Calls `fire` once after `delayMs`, unless the returned function is called before. */
  schedule(delayMs: number, fire: () => void): () => void;
  /** A number from 0 up to but not including 1, for jitter. */
  random(): number;
}

export const Clock = token<Clock>('Clock');
