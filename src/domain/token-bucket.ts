// A token bucket: how much may still be done before more has been earned. It holds a number and decides nothing else. What
// fills it (time, requests) and what one token stands for is up to its user. It never reads a clock.

/** Sums of fractions are not exact: a caller that waited as long as asked must not be a billionth of a token short. */
const tolerance = 1e-9;

export class TokenBucket {
  /** `capacity` is the largest number of tokens it holds; `tokens` is what it starts with. Fractions are allowed. */
  constructor(
    private readonly capacity: number,
    private tokens = capacity,
  ) {}

  /** Tokens above the capacity are lost. */
  add(count: number): void {
    this.tokens = Math.min(this.capacity, this.tokens + count);
  }

  /** How many tokens are missing until `count` can be taken; 0 when they are there. */
  missing(count: number): number {
    return Math.max(0, count - tolerance - this.tokens);
  }

  /** Takes one token if there is one, else takes nothing. */
  take(): boolean {
    if (this.missing(1) > 0) return false;
    this.spend();
    return true;
  }

  /** Takes one token in any case: the bucket may go below zero, and later earnings pay the debt first. */
  spend(): void {
    this.tokens -= 1;
  }
}
