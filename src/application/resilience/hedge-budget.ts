// Hedged requests must not double the load when all regions are slow: each request earns a small part of a hedge, and
// without savings there is none.

/** Hedges per request, with some room for a burst. From "The Tail at Scale": a few percent of load buy most of the gain. */
const earnedPerRequest = 0.04;
const mostSaved = 10;

export class HedgeBudget {
  private saved = mostSaved;

  earn(): void {
    this.saved = Math.min(mostSaved, this.saved + earnedPerRequest);
  }

  /** Spends one hedge, if there is one. */
  readonly spend = (): boolean => {
    if (this.saved < 1) return false;
    this.saved -= 1;
    return true;
  };
}
