// Opens an entry of another store in every region that holds a copy. Its records have no commitment, so copies that open
// to the same key are the only proof. Copies that open to different keys are refused; every plaintext but one is wiped.
import { err, ok, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { FailedAttempt, VaultFailure } from '../../domain/failures/region-failures.js';
import type { SourceOpenFailure } from '../../domain/failures/key-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeySource, SourceCopies } from '../../ports/key-source.js';
import { pause } from '../../domain/pause.js';
import { withDeadline } from '../resilience/with-deadline.js';
import { isTransient } from '../maintenance/retrying-calls.js';

/** The receiver wipes the key. */
export interface OpenedEntry {
  readonly key: DataKey;
  /** The regions whose copies opened, all to this key. */
  readonly opened: readonly Region[];
  /** The regions whose copies did not open, and why. */
  readonly failed: readonly FailedAttempt[];
}

export interface SourceSettings {
  /** How long one region may take to open one copy, in milliseconds. */
  readonly attemptTimeoutMs: number;
}

interface Opened {
  readonly region: Region;
  readonly key: DataKey;
}

const maxAttempts = 3;
/** Upper bound of the random pause before the second attempt; doubles before the third. */
const firstPauseMs = 400;

/** Opens entries; stores nothing. */
export class OpenSourceEntry {
  constructor(
    private readonly source: KeySource,
    private readonly clock: Clock,
    private readonly settings: SourceSettings,
  ) {}

  /** One copy that opens is enough. When none opens, transient failures are tried again. */
  async open(copies: SourceCopies, signal: AbortSignal): Promise<Result<OpenedEntry, SourceOpenFailure>> {
    for (let attempt = 1; ; attempt += 1) {
      const answers = await Promise.all(
        [...copies].map(async ([region, bytes]) => ({
          region,
          answer: await this.openCopy(bytes, region, signal),
        })),
      );
      const opened = answers.flatMap(({ region, answer }) =>
        answer.isOk() ? [{ region, key: answer.value }] : [],
      );
      const failed = answers.flatMap(({ region, answer }) =>
        answer.isErr() ? [{ region, failure: answer.error }] : [],
      );
      const [first, ...others] = opened;
      if (first) return agreed(first, others, failed);
      const mayOpenLater = failed.some(({ failure }) => isTransient(failure));
      if (!mayOpenLater || attempt === maxAttempts || signal.aborted) return err(whyNotOpened(failed));
      await pause(this.clock, this.clock.random() * firstPauseMs * 2 ** (attempt - 1), signal);
    }
  }

  /** One attempt. A plaintext that arrives after the time limit is wiped. */
  private openCopy(
    bytes: Uint8Array,
    region: Region,
    signal: AbortSignal,
  ): Promise<Result<DataKey, VaultFailure>> {
    return withDeadline<DataKey, VaultFailure>((own) => this.source.open(bytes, region, own), {
      clock: this.clock,
      timeoutMs: this.settings.attemptTimeoutMs,
      signal,
      onTimeout: { kind: 'region.unavailable', reason: 'timed-out' },
      onAbort: { kind: 'call.aborted' },
      discard: (late) => {
        late.wipe();
      },
    });
  }
}

/** The first copy's key, if all other copies hold the same one. */
function agreed(
  first: Opened,
  others: readonly Opened[],
  failed: readonly FailedAttempt[],
): Result<OpenedEntry, SourceOpenFailure> {
  const same = others.every(({ key }) => key.equals(first.key));
  for (const { key } of others) key.wipe();
  const opened = [first, ...others].map(({ region }) => region);
  if (same) return ok({ key: first.key, opened, failed });
  first.key.wipe();
  return err({ kind: 'source.copies-differ', regions: opened });
}

/** An unsuitable plaintext outweighs failed regions: trying again would not help. */
function whyNotOpened(failed: readonly FailedAttempt[]): SourceOpenFailure {
  if (failed.some(({ failure }) => failure.kind === 'call.aborted')) return { kind: 'call.aborted' };
  const isUnsuitable = failed.some(({ failure }) => failure.kind === 'ciphertext.mismatched');
  return isUnsuitable ? { kind: 'source.key-unsuitable' } : { kind: 'regions.exhausted', attempts: failed };
}
