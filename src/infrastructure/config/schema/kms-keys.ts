// Names of KMS keys in the configuration: their form, and that an ARN is of the region whose table it is in. Whether the key exists
// is for the start and `rkms doctor` to find out.
import { z } from 'zod';
import type { ConfigProblem } from './problems.js';
import { fieldOf, listIn, type Raw } from './raw-config.js';

const keyRule = 'the ARN, id or alias of a symmetric KMS key in this region';

const alias = /^alias\/[A-Za-z0-9/_-]+$/;
const keyId = /^[A-Za-z0-9-]+$/;
/** https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN */
const arn = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(key\/[A-Za-z0-9-]+|alias\/[A-Za-z0-9/_-]+)$/;

export const kmsKey = z
  .string({ error: keyRule })
  .refine((name) => [alias, keyId, arn].some((form) => form.test(name)), { error: keyRule })
  .meta({ expected: keyRule });

/** By the raw file: ARNs of another region than that of their table. Its KMS would not know the key. */
export const kmsKeyProblems = ({ regions }: Raw): readonly ConfigProblem[] =>
  listIn(regions).flatMap((region, index) => {
    const [name, key] = [fieldOf(region, 'name'), fieldOf(region, 'kms_key')];
    const [, ofRegion] = typeof key === 'string' ? (arn.exec(key) ?? []) : [];
    if (ofRegion === undefined || typeof name !== 'string' || ofRegion === name) return [];
    const expected = `a KMS key in ${name}, the name of this region; each region has a key of its own`;
    return [{ path: `regions[${index}].kms_key`, found: `a KMS key in ${ofRegion}`, expected }];
  });
