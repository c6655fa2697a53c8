// The shape of the configuration: every option with its type, range and default. What a file may say is exactly what is
// written here; the message of a rule says what is expected, to be read after the word "expected".
import { z } from 'zod';
import { dataKeyLengths, isDataKeyLength, type DataKeyLength } from '../domain/data-key.js';
import { parseDeployment, parseRegion, type Deployment, type Region } from '../domain/ids.js';
import { callersSchema, creationSchema } from './callers-schema.js';
import { choice, endpoint, named, oneOfTables, section, text, whole } from './config-rules.js';
import { failoverSchema } from './failover-schema.js';
import { issuersSchema } from './issuers-schema.js';
import { storeSchema } from './store-schema.js';
import { listenerTls, tlsSchema } from './tls-schema.js';

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
      max_in_flight: whole(1, 100_000).default(1_000),
      tls: listenerTls,
    }).prefault({}),
    operations: section({
      host: text('an address or host name').default('127.0.0.1'),
      port: whole(0, 65_535).default(8_081),
      tls: listenerTls,
      metrics: choice(['authenticated', 'public']).default('authenticated'),
    }).prefault({}),
    tls: tlsSchema.optional(),
    regions: z
      .array(region, { error: 'at least one [[regions]] table' })
      .min(1, { error: 'at least one [[regions]] table' }),
    store: storeSchema,
    keys: section({
      length_bytes: keyLength.default(32),
      quorum: whole(1, 16).optional(),
    }).prefault({}),
    kms: section({
      attempt_timeout_ms: whole(10, 60_000, 'milliseconds').default(800),
      connect_timeout_ms: whole(10, 60_000, 'milliseconds').default(300),
      max_sockets: whole(1, 10_000).default(256),
    }).prefault({}),
    failover: failoverSchema.prefault({}),
    repair: section({ background: choice(['on', 'off']).default('on') }).prefault({}),
    auth: section({ tokens_file: text('the path of a file').optional() }).prefault({}),
    callers: callersSchema.optional(),
    issuers: issuersSchema.optional(),
    creation: creationSchema.prefault({}),
    audit: section({
      file: text('the path of a file').optional(),
      flush: choice(['disk', 'os']).default('disk'),
      max_bytes: whole(1_048_576, 1_099_511_627_776, 'bytes').default(268_435_456),
    }).prefault({}),
    security: section({
      allow_environment: z.array(text('a list of names'), { error: 'a list of names' }).default([]),
    }).prefault({}),
    log: section({ level: choice(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault(
      {},
    ),
  },
  { error: 'a table' },
);

export type ConfigInput = z.infer<typeof configSchema>;
