// [[callers]] and [creation]: who may do what to which ids, and how many keys may be made for them. docs/access.md says
// how these rights and those of a token come together.
import { z } from 'zod';
import type { CallerGrants } from '../../../application/access/configured-callers.js';
import { isKeyPermission, permissions } from '../../../domain/access/caller.js';
import { defaultCreationLimits, type CreationLimits } from '../../../domain/access/creation-quota.js';
import { parseIdPattern, type IdPattern } from '../../../domain/access/id-pattern.js';
import { parseCallerId, type CallerId } from '../../../domain/ids.js';
import { amount, choice, listOf, named, section, whole } from './rules.js';
import { identityOptions } from './identities.js';

const rate = amount('a number of keys per second from 0.001 to 100000', 0.001, 100_000);

/** Keys of local regions cost nothing: this only stops a program that has gone wild. */
export const localCreationLimits: CreationLimits = { perSecond: 1_000, burst: 10_000, perDay: 1_000_000 };

const usual = (limit: keyof CreationLimits): { readonly whenUnset: string } => ({
  whenUnset: `${defaultCreationLimits[limit]}; ${localCreationLimits[limit]} where nothing is on AWS`,
});

/** Nothing is said where a value is missing: for a caller [creation] holds, for [creation] the default. */
export const creationSchema = section({
  per_second: rate
    .optional()
    .meta({ description: 'Keys per second, once the burst is used up.', ...usual('perSecond') }),
  burst: whole(1, 1_000_000, 'keys')
    .optional()
    .meta({ description: 'Keys at once.', ...usual('burst') }),
  per_day: whole(1, 1_000_000_000, 'keys')
    .optional()
    .meta({ description: 'Created keys in 24 hours, from the first.', ...usual('perDay') }),
});

const patterns = listOf(named<IdPattern>(parseIdPattern), 'a list of patterns of ids');
const granted = 'a list of permissions, at least one';
const idsMissing = 'at least one pattern, because the caller may read or create ("**" is every id)';

const caller = z
  .strictObject(
    {
      name: named<CallerId>(parseCallerId).describe('The caller, as tokens name them.'),
      allow: listOf(choice(permissions), granted)
        .min(1, { error: granted })
        .describe('Permissions: "read", "create", "operate", "metrics". None implies another.'),
      ids: patterns
        .default([])
        .describe(
          'The ids, as patterns: * is any run of characters between two "/", a last ** is everything below.',
        ),
      deny: patterns.default([]).describe('Ids that are refused even if "ids" matches them.'),
      creation: creationSchema.prefault({}).describe('Values of [creation] that differ for this caller.'),
      ...identityOptions,
    },
    { error: ({ code }) => (code === 'invalid_type' ? 'a [[callers]] table' : undefined) },
  )
  .refine(({ allow, ids }) => ids.length > 0 || !allow.some(isKeyPermission), {
    path: ['ids'],
    error: idsMissing,
  });

export const callersSchema = listOf(caller, 'a list of [[callers]] tables');

type CreationConfig = z.infer<typeof creationSchema>;
type CallersConfig = z.infer<typeof callersSchema>;

/** `wanted`, with the values of `fallback` where it says nothing. */
export const creationLimits = (wanted: CreationConfig, fallback: CreationLimits): CreationLimits => ({
  perSecond: wanted.per_second ?? fallback.perSecond,
  burst: wanted.burst ?? fallback.burst,
  perDay: wanted.per_day ?? fallback.perDay,
});

/** How many keys may be made for a caller, by its own table or by [creation]. */
export function creationLimitsOf(
  callers: CallersConfig | undefined,
  general: CreationLimits,
): (caller: CallerId) => CreationLimits {
  const own = new Map(callers?.map(({ name, creation }) => [name, creationLimits(creation, general)]));
  return (name) => own.get(name) ?? general;
}

/** What the tables grant; undefined when there are none. */
export const callerGrants = (callers: CallersConfig | undefined): CallerGrants =>
  callers &&
  new Map(
    callers.map(({ name, allow, ids, deny }, index) => [
      name,
      { source: `callers[${index}]`, permissions: new Set(allow), ids, deny },
    ]),
  );
