// Opens a stored key in the region that first returns the right plaintext, and says what it means when no region does.
// Never returns a plaintext that does not match the record's commitment (I4): see open-copy.ts.
import { err, ok, type Result } from 'neverthrow';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { FailedAttempt } from '../../domain/failures/region-failures.js';
import type { OpenFailure } from '../../domain/failures/key-failures.js';
import type { Deployment, Region } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { Effort } from '../../ports/telemetry.js';
import { openingCopy } from './open-copy.js';
import { firstAnswer } from '../regions/first-answer.js';
import type { RegionCalls } from '../regions/region-calls.js';

/** An opened key, and the region that opened it. The receiver wipes the key. */
export interface OpenedKey extends Effort {
  readonly key: DataKey;
  readonly region: Region;
  /** Regions that answered, but not with the key: their copies may be damaged. */
  readonly faulty: readonly Region[];
}

export class UnwrapInAnyRegion {
  constructor(
    private readonly regions: RegionCalls,
    private readonly deployment: Deployment,
  ) {}

  /** Uses only configured regions that hold a ciphertext. */
  async open(record: KeyRecord, signal: AbortSignal): Promise<Result<OpenedKey, OpenFailure>> {
    const has = (region: Region): boolean => record.ciphertexts.has(region);
    const found = await firstAnswer(this.regions, openingCopy(record, this.deployment), signal, has);
    if (found.isErr()) return err(whyNotOpened(found.error));
    const { value: key, failures, ...answer } = found.value;
    const faulty = failures.filter(({ failure }) => isFaultOfCopy(failure)).map(({ region }) => region);
    return ok({ ...answer, key, faulty });
  }
}

/** What the failures of all regions mean together. For a region that was called twice, the second failure counts. */
function whyNotOpened(attempts: readonly FailedAttempt[]): OpenFailure {
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
