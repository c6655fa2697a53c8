// Reproducible random numbers: every choice of a schedule comes from here, so the seed determines the whole schedule. They
// are not secure and must never make keys outside the simulation.

/** Spreads the bits of a number over all 32 (the finaliser of MurmurHash3). */
export function scatter(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** An independent stream of numbers per (seed, stream). */
export class Random {
  #state: number;

  constructor(seed: number, stream: number) {
    this.#state = scatter(scatter(seed) ^ Math.imul(stream + 1, 0x9e3779b1));
  }

  /** A whole number of 32 bits. */
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return scatter(this.#state);
  }

  /** A number from 0 up to but not including 1. */
  next(): number {
    return this.word() / 2 ** 32;
  }

  /** A whole number from 0 up to but not including `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** A whole number from `min` to `max`. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const at = this.below(items.length);
    if (at >= items.length) throw new Error('nothing to pick from');
    return items[at] as T;
  }

  shuffled<T>(items: readonly T[]): readonly T[] {
    const all = [...items];
    for (let end = all.length - 1; end > 0; end -= 1) {
      const at = this.below(end + 1);
      [all[end], all[at]] = [all[at] as T, all[end] as T];
    }
    return all;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() & 0xff);
  }
}
