// The entries of another store as a source that can be scanned, with a time limit on each page.
import { okAsync, ResultAsync } from 'neverthrow';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { KeySource, SourceEntry } from '../../ports/key-source.js';
import { withDeadline } from '../resilience/with-deadline.js';
import type { ScanSource } from '../maintenance/scan-keys.js';

/** Far above a usual page read: no request waits for it, and a page may hold many large items. */
const pageTimeoutMs = 10_000;

/** The total is not known: counting would need a permission that reading does not. */
export const sourceEntries = (
  source: KeySource,
  clock: Clock,
): ScanSource<SourceEntry, StoreReadFailure> => ({
  page: (after, limit, signal) =>
    new ResultAsync(
      withDeadline((own) => source.page(after, limit, own), {
        clock,
        timeoutMs: pageTimeoutMs,
        signal,
        onTimeout: { kind: 'store.unavailable', reason: 'timed-out' },
        onAbort: { kind: 'call.aborted' },
      }),
    ),
  count: () => okAsync(undefined),
  nameOf: ({ id }) => id,
});
