// A source of another make as something to walk over.
import { okAsync } from 'neverthrow';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { KeySource, SourceEntry } from '../../ports/key-source.js';
import { withDeadline } from '../resilience/with-deadline.js';
import type { ScanSource } from '../maintenance/scan-keys.js';

/** Nobody waits for a walk: a page of many large items may take its time. */
const pageTimeoutMs = 10_000;

/** All entries of the source; how many there are is not known, because counting takes a right that reading does not. */
export const sourceEntries = (
  source: KeySource,
  clock: Clock,
): ScanSource<SourceEntry, StoreReadFailure> => ({
  page: (after, limit, signal) =>
    withDeadline((own) => source.page(after, limit, own), {
      clock,
      timeoutMs: pageTimeoutMs,
      signal,
      onTimeout: { kind: 'store.unavailable', reason: 'timed-out' },
      onAbort: { kind: 'call.aborted' },
    }),
  count: () => okAsync(undefined),
  nameOf: ({ id }) => id,
});
