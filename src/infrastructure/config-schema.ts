// The shape of the configuration: every option with its type, range and default. What a file may say is exactly what is
// written here; the message of a rule says what is expected, to be read after the word "expected".
import { z } from 'zod';
import { dataKeyLengths, isDataKeyLength, type DataKeyLength } from '../domain/data-key.js';
import {
  parseDeployment,
  parseRegion,
  type Deployment,
  type NameInvalid,
  type Region,
} from '../domain/ids.js';
import type { Result } from 'neverthrow';

const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });

const whole = (least: number, most: number, unit = '') => {
  const expected = `a whole number${unit && ` of ${unit}`} from ${least} to ${most}`;
  return z.int({ error: expected }).min(least, { error: expected }).max(most, { error: expected });
};

function named<Name>(parse: (text: string) => Result<Name, NameInvalid>) {
  const empty = parse('');
  const expected = empty.isErr() ? empty.error.expected : 'text';
  return z.string({ error: expected }).transform((value, context): Name => {
    const parsed = parse(value);
    if (parsed.isOk()) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.error.expected });
    return z.NEVER;
  });
}

const choice = <const Options extends readonly [string, ...string[]]>(options: Options) =>
  z.enum(options, { error: `one of ${options.map((option) => `"${option}"`).join(', ')}` });

/** The message of a union of tables: about the deciding key where that is wrong, about the table where there is none. */
const oneOfTables =
  (key: string, ...values: readonly string[]) =>
  ({ code }: { readonly code?: string }): string => {
    const allowed = values.map((value) => `"${value}"`).join(' or ');
    return code === 'invalid_union' ? allowed : `a table with ${key} = ${allowed}`;
  };

/** Whether a host name or address is this machine. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(host);

const endpointRule =
  'an https:// URL, or an http:// URL of this machine (127.0.0.1, [::1], localhost), without credentials or query';

/** Plain HTTP only to this machine: what goes to KMS is plaintext keys. */
const endpoint = z.string({ error: endpointRule }).refine(
  (value) => {
    const url = URL.parse(value);
    const plain = url?.username === '' && url.password === '' && !/[?#]/.test(value);
    return plain && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)));
  },
  { error: endpointRule },
);

/** A table of options that may be left out as a whole. */
const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: ({ code }) => (code === 'invalid_type' ? 'a table' : undefined) });

const regionName = named<Region>(parseRegion);
const deployment = named<Deployment>(parseDeployment);

const region = z.discriminatedUnion(
  'vault',
  [
    z.strictObject({ name: regionName, vault: z.literal('local-kms') }),
    z.strictObject({
      name: regionName,
      vault: z.literal('aws-kms'),
      kms_key: text('the ARN, id or alias of a symmetric KMS key in this region'),
      endpoint: endpoint.optional(),
    }),
  ],
  { error: oneOfTables('vault', 'aws-kms', 'local-kms') },
);

const store = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      kind: z.literal('sqlite'),
      path: text('the path of a file').optional(),
      timeout_ms: whole(10, 60_000, 'milliseconds').default(1_000),
    }),
    z.strictObject({
      kind: z.literal('dynamodb'),
      table: text('the name of a DynamoDB table'),
      region: regionName,
      endpoint: endpoint.optional(),
      timeout_ms: whole(10, 60_000, 'milliseconds').default(1_000),
    }),
  ],
  { error: oneOfTables('kind', 'sqlite', 'dynamodb') },
);

const lengthRule = `one of ${dataKeyLengths.join(', ')}`;
const keyLength = z
  .int({ error: lengthRule })
  .refine((length): length is DataKeyLength => isDataKeyLength(length), { error: lengthRule });

export const configSchema = z.strictObject(
  {
    deployment,
    data_dir: text('the path of a folder').default('./data'),
    server: section({
      host: text('an address or host name').default('127.0.0.1'),
      port: whole(0, 65_535).default(8_080),
      request_timeout_ms: whole(100, 60_000, 'milliseconds').default(2_000),
    }).prefault({}),
    regions: z
      .array(region, { error: 'at least one [[regions]] table' })
      .min(1, { error: 'at least one [[regions]] table' }),
    store,
    keys: section({
      length_bytes: keyLength.default(32),
      quorum: whole(1, 16).optional(),
    }).prefault({}),
    kms: section({
      attempt_timeout_ms: whole(10, 60_000, 'milliseconds').default(800),
      connect_timeout_ms: whole(10, 60_000, 'milliseconds').default(300),
      max_sockets: whole(1, 10_000).default(256),
    }).prefault({}),
    auth: section({ tokens_file: text('the path of a file').optional() }).prefault({}),
    audit: section({ file: text('the path of a file').optional() }).prefault({}),
    log: section({ level: choice(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault(
      {},
    ),
  },
  { error: 'a table' },
);

export type ConfigInput = z.infer<typeof configSchema>;
