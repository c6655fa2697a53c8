// [cache]: what stays in memory. Records of keys by default; keys themselves only where the file asks for it.
import { section, whole } from './rules.js';

export const cacheSchema = section({
  records: whole(0, 10_000_000, 'records')
    .default(100_000)
    .describe(
      'How many records of opened keys each process keeps in memory, about 1 KB each: ciphertexts, never a key. 0 keeps none.',
    ),
  max_stale_s: whole(300, 2_592_000, 'seconds')
    .default(86_400)
    .describe(
      'For how long a kept record is used while the store does not answer. Otherwise it is read again after 5 minutes.',
    ),
  keys: section({
    ttl_s: whole(1, 3_600, 'seconds').describe(
      'For how long a key is kept after a region opened it. As long, a caller gets it although KMS would refuse.',
    ),
    entries: whole(1, 1_000_000, 'keys').describe('How many keys each process keeps; the oldest goes first.'),
  })
    .optional()
    .describe(
      'Plaintext keys kept in memory: off unless this table is there. Read docs/security.md before you add it.',
    ),
})
  .prefault({})
  .describe(
    'Records kept in memory, so that known keys are served while the store is down. See docs/stores.md.',
  );
