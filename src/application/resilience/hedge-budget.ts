// How many hedged calls requests may make. When all regions are slow, hedging every request would double the load on them:
// each request earns a small fraction of a hedge, and without a saved hedge none is made.
import { TokenBucket } from '../../domain/token-bucket.js';

/** 4 hedges per 100 requests. "The Tail at Scale" (Dean, Barroso 2013): a few percent of extra load give most of the gain. */
const earnedPerRequest = 0.04;
/** How many hedges can be saved for a burst. */
const maxSaved = 10;

export class HedgeBudget {
  private readonly hedges = new TokenBucket(maxSaved);

  /** Call once per request. */
  earn(): void {
    this.hedges.add(earnedPerRequest);
  }

  /** Takes one hedge; false when none is saved, and then the call must not be hedged. */
  readonly spend = (): boolean => this.hedges.take();
}
