// Whether the store has the newest keys that the audit log names. If not, the service creates no key.
import { missingOf } from '../../application/keys/known-keys.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { Finding, Subject } from '../checks/finding.js';
import { recordedKeys, restoreOrRecover, whatIsMissing } from '../startup/known-keys-check.js';
import type { Examination } from './examination.js';
import { storeWords } from './remedies.js';

/** Enough to notice a restored backup, which lacks the very newest. */
const newestKeys = 20;

/** Nothing where the audit log names no key of this store. */
export async function checkKnownKeys(
  subject: Subject,
  repository: KeyRepository,
  genesis: Genesis,
  { config, limitMs }: Examination,
): Promise<readonly Finding[]> {
  const { value: recorded, refused } = await subject.attemptAsync('known keys', () =>
    recordedKeys(config, genesis),
  );
  if (refused) return [refused];
  const keys = recorded.slice(-newestKeys);
  if (keys.length === 0) return [];
  const find: KeyRepository['find'] = (...sought) => repository.find(...sought);
  const missing = await missingOf(find, keys, AbortSignal.timeout(limitMs));
  if (missing.isErr()) {
    const { found, hint } = storeWords(missing.error, 'dynamodb:GetItem', limitMs);
    return [subject.broken('known keys', found, hint)];
  }
  return missing.value.length === 0
    ? [subject.ok('known keys', `the newest ${keys.length} that the audit log names are there`)]
    : [subject.broken('known keys', `${whatIsMissing(missing.value)}: no key is created`, restoreOrRecover)];
}
