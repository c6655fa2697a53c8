// Chance that can be had again: the same seed gives the same numbers.

/** A number from 0 up to but not including 1. */
export type Chance = () => number;

/** Mulberry32: 32 bits of state, good enough to choose moments. https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function seeded(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
