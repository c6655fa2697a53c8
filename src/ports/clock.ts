// Time and chance, so that tests can hold both in their hands. Nothing here is fit for making keys.
import type { StallAwareClock } from '../domain/stall-aware-timer.js';
import { token } from './token.js';

export interface Clock extends StallAwareClock {
  /** Milliseconds since 1970 in UTC; may jump. For timestamps. */
  nowMs(): number;
  /** A number from 0 up to but not including 1, for jitter. */
  random(): number;
}

export const Clock = token<Clock>('Clock');
