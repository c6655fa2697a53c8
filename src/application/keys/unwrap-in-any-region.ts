// Opens a stored key with whichever region answers first with the right plaintext. A plaintext that fails the record's
// commitment is wiped here and never seen outside (I4).
import type { ResultAsync } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { FailedAttempt } from '../../domain/failures/region-failures.js';
import type { OpenFailure } from '../../domain/failures/key-failures.js';
import type { Deployment, Region } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { Effort } from '../../ports/telemetry.js';
import { openingCopy } from './open-copy.js';
import { firstAnswer } from '../regions/first-answer.js';
import type { RegionAct, RegionCalls } from '../regions/region-calls.js';

/** An opened key, and the region that opened it. The key belongs to whoever receives it. */
export interface OpenedKey extends Effort {
  readonly key: DataKey;
  readonly region: Region;
  /** Regions that answered before, but not with the key: their copies may be damaged. */
  readonly faulty: readonly Region[];
}

export class UnwrapInAnyRegion {
  constructor(
    private readonly regions: RegionCalls,
    private readonly deployment: Deployment,
  ) {}

  /** Regions without a ciphertext are passed over; ciphertexts of regions that are not configured are not used. */
  open(record: KeyRecord, signal: AbortSignal): ResultAsync<OpenedKey, OpenFailure> {
    const has = (region: Region): boolean => record.ciphertexts.has(region);
    const faulty = new Set<Region>();
    const act = noting(faulty, openingCopy(record, this.deployment));
    return firstAnswer(this.regions, act, signal, has)
      .map(({ value, ...answer }) => ({ ...answer, key: value, faulty: [...faulty] }))
      .mapErr((attempts) => whyClosed(attempts));
  }
}

/** The same act; regions whose copy is at fault are added to `faulty`. */
const noting = (faulty: Set<Region>, act: RegionAct<DataKey>): RegionAct<DataKey> => ({
  ...act,
  run: (vault, signal) =>
    act.run(vault, signal).mapErr((failure) => {
      if (isFaultOfCopy(failure)) faulty.add(vault.region);
      return failure;
    }),
});

/** What the failures of all regions mean together: of a region that was asked twice, the second one counts. */
function whyClosed(attempts: readonly FailedAttempt[]): OpenFailure {
  const final = [...new Map(attempts.map((attempt) => [attempt.region, attempt])).values()];
  const last = attempts.at(-1)?.failure;
  if (last === undefined) return unreadable('no-configured-region', 'no configured region holds a copy');
  if (last.kind === 'call.aborted' || last.kind === 'vault.request-invalid') return last;
  if (final.every(({ failure }) => isFaultOfCopy(failure))) {
    return unreadable('no-copy-opens', `tried ${final.map(({ region }) => region).join(', ')}`);
  }
  const allSame = final.every(({ failure }) => failure.kind === last.kind);
  return last.kind === 'credentials.invalid' && allSame ? last : { kind: 'regions.exhausted', attempts };
}

const isFaultOfCopy = ({ kind }: FailedAttempt['failure']): boolean =>
  kind === 'ciphertext.rejected' || kind === 'ciphertext.mismatched';

const unreadable = (reason: 'no-configured-region' | 'no-copy-opens', detail: string): OpenFailure => ({
  kind: 'key.unreadable',
  reason,
  detail,
});
