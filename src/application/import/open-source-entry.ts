// Opens an entry of another store in every region that holds a copy, because its records tell no commitment: only copies
// that agree prove each other. Copies that open to different keys are refused, and every plaintext but one is wiped.
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { FailedAttempt, VaultFailure } from '../../domain/failures/region-failures.js';
import type { SourceOpenFailure } from '../../domain/failures/key-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeySource, SourceCopies } from '../../ports/key-source.js';
import { withDeadline } from '../resilience/with-deadline.js';
import { passes } from '../maintenance/retrying-calls.js';
import { pause } from '../resilience/pause.js';

/** The key belongs to whoever receives it. */
export interface OpenedEntry {
  readonly key: DataKey;
  /** The regions whose copies opened, all to this key. */
  readonly opened: readonly Region[];
  /** Those whose copies did not, and why. */
  readonly closed: readonly FailedAttempt[];
}

export interface SourceSettings {
  /** How long one region may take to open one copy, in milliseconds. */
  readonly attemptTimeoutMs: number;
}

interface Opened {
  readonly region: Region;
  readonly key: DataKey;
}

const mostTries = 3;
/** The longest pause before the second try; doubles before the third; full jitter. */
const firstPauseMs = 400;

export class OpenSourceEntry {
  constructor(
    private readonly source: KeySource,
    private readonly clock: Clock,
    private readonly settings: SourceSettings,
  ) {}

  /** One copy that opens is enough; where none does, regions that may only be busy or away are tried again. */
  open(copies: SourceCopies, signal: AbortSignal): ResultAsync<OpenedEntry, SourceOpenFailure> {
    return new ResultAsync(this.openPatiently(copies, signal));
  }

  private async openPatiently(
    copies: SourceCopies,
    signal: AbortSignal,
  ): Promise<Result<OpenedEntry, SourceOpenFailure>> {
    for (let tries = 1; ; tries += 1) {
      const attempts = await Promise.all(
        [...copies].map(async ([region, bytes]) => ({
          region,
          answer: await this.openCopy(bytes, region, signal),
        })),
      );
      const opened = attempts.flatMap(({ region, answer }) =>
        answer.isOk() ? [{ region, key: answer.value }] : [],
      );
      const closed = attempts.flatMap(({ region, answer }) =>
        answer.isErr() ? [{ region, failure: answer.error }] : [],
      );
      const [first, ...others] = opened;
      if (first) return agreed(first, others, closed);
      const mayPass = closed.some(({ failure }) => passes(failure));
      if (!mayPass || tries === mostTries || signal.aborted) return err(whyClosed(closed));
      await pause(this.clock, this.clock.random() * firstPauseMs * 2 ** (tries - 1), signal);
    }
  }

  private openCopy(
    bytes: Uint8Array,
    region: Region,
    signal: AbortSignal,
  ): ResultAsync<DataKey, VaultFailure> {
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

/** The first copy's key, if all the others are the same. */
function agreed(
  first: Opened,
  others: readonly Opened[],
  closed: readonly FailedAttempt[],
): Result<OpenedEntry, SourceOpenFailure> {
  const same = others.every(({ key }) => key.equals(first.key));
  for (const { key } of others) key.wipe();
  const opened = [first, ...others].map(({ region }) => region);
  if (same) return ok({ key: first.key, opened, closed });
  first.key.wipe();
  return err({ kind: 'source.copies-differ', regions: opened });
}

function whyClosed(closed: readonly FailedAttempt[]): SourceOpenFailure {
  const final = closed.find(({ failure: { kind } }) => kind === 'call.aborted')?.failure;
  if (final?.kind === 'call.aborted') return final;
  const unsuitable = closed.some(({ failure }) => failure.kind === 'ciphertext.mismatched');
  return unsuitable ? { kind: 'source.key-unsuitable' } : { kind: 'regions.exhausted', attempts: closed };
}
