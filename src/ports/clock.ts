// Time and randomness, so that tests can control both. Never use this randomness for keys.
import type { StallAwareClock } from '../domain/stall-aware-timer.js';
import { token } from './token.js';

export interface Clock extends StallAwareClock {
  /** Milliseconds since 1970 in UTC; may jump. For timestamps. */
  nowMs(): number;
  /** A number from 0 up to but not including 1, for jitter. */
  random(): number;
}

export const Clock = token<Clock>('Clock');
