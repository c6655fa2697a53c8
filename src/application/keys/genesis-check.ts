// Whether the store belongs to this deployment and is written from here, by its genesis record. A good answer holds for one
// second, so that many creations share one read. A bad answer is never kept.
import type { ResultAsync } from 'neverthrow';
import type {
  StoreForeign,
  StoreReadFailure,
  StoreWrittenElsewhere,
} from '../../domain/failures/store-failures.js';
import { checkGenesis, type Genesis, type GenesisExpectation } from '../../domain/keys/genesis.js';
import type { Clock } from '../../ports/clock.js';
import { readGenesis, type StoreCalls } from '../store/store-calls.js';

export type GenesisFailure = StoreReadFailure | StoreForeign | StoreWrittenElsewhere;

/** For how long a good answer holds, from the moment it was asked for (ms). */
export const genesisHoldsMs = 1_000;

export class GenesisCheck {
  private answer: ResultAsync<Genesis, GenesisFailure> | undefined;
  private askedAtMs = -Infinity;

  constructor(
    private readonly store: StoreCalls,
    private readonly clock: Clock,
    private readonly expected: GenesisExpectation,
  ) {}

  /** Begins a read whose answer `check` will need soon, at most once a second. */
  prepare(): void {
    const ignored = (): void => undefined; // `check` gets the same answer.
    if (this.clock.monotonicMs() - this.askedAtMs >= genesisHoldsMs) this.check().then(ignored, ignored);
  }

  /** Joins a read in flight. No caller can abort it, because others may wait for it. */
  check(): ResultAsync<Genesis, GenesisFailure> {
    const nowMs = this.clock.monotonicMs();
    if (this.answer && nowMs - this.askedAtMs < genesisHoldsMs) return this.answer;
    const answer = this.store
      .read(readGenesis, new AbortController().signal)
      .andThen((genesis) => checkGenesis(genesis, this.expected))
      .mapErr((failure) => {
        if (this.answer === answer) this.answer = undefined;
        return failure;
      });
    this.answer = answer;
    this.askedAtMs = nowMs;
    return answer;
  }
}
