// The shape of the configuration: every option with its type, range and default. What a file may say is exactly what is
// written here. Each option describes itself, in whole sentences: docs/configuration.md and `rkms config` print that.
import { z } from 'zod';
import { dataKeyLengths, isDataKeyLength, type DataKeyLength } from '../../../domain/keys/data-key.js';
import { parseDeployment, parseRegion, type Deployment, type Region } from '../../../domain/ids.js';
import { callersSchema, creationSchema } from './callers.js';
import { choice, endpoint, listOf, named, oneOfTables, section, text, whole } from './rules.js';
import { failoverSchema } from './failover.js';
import { issuersSchema } from './issuers.js';
import { storeSchema } from './store.js';
import { listenerTls, tlsSchema } from './tls.js';

const regionName = named<Region>(parseRegion);
const deployment = named<Deployment>(parseDeployment);

const name = regionName.describe('The region, by the name that AWS gives it.');
const vault =
  'What protects the keys in this region: KMS, or master keys on this disk (for trying RKMS and tests).';
const region = z.discriminatedUnion(
  'vault',
  [
    z.strictObject({
      name,
      vault: z.literal('aws-kms').describe(vault),
      kms_key: text('the ARN, id or alias of a symmetric KMS key in this region').describe(
        'The KMS key that wraps data keys here. An ARN spares the process one DescribeKey at start.',
      ),
      endpoint: endpoint
        .optional()
        .meta({ description: 'Another endpoint of KMS, as that of a VPC.', whenUnset: 'by the name' }),
    }),
    z.strictObject({ name, vault: z.literal('local-kms').describe(vault) }),
  ],
  { error: oneOfTables('vault', 'aws-kms', 'local-kms') },
);

const lengthRule = `one of ${dataKeyLengths.join(', ')}`;
const keyLength = z
  .int({ error: lengthRule })
  .refine((length): length is DataKeyLength => isDataKeyLength(length), { error: lengthRule })
  .meta({ expected: lengthRule, unit: 'bytes' });

export const configSchema = z.strictObject(
  {
    deployment: deployment.describe(
      'Names this installation. Bound into every ciphertext and into the genesis record of the store, so that it can never be changed.',
    ),
    data_dir: text('the path of a folder')
      .default('./data')
      .describe('Folder for the audit log, the token file and what is local; nobody else may read it.'),
    server: section({
      host: text('an address or host name').default('127.0.0.1').describe('Address to serve keys on.'),
      port: whole(0, 65_535).default(8_080).describe('Port to serve keys on; 0 takes one that is free.'),
      request_timeout_ms: whole(100, 60_000, 'milliseconds')
        .default(2_000)
        .describe('How long a whole request for a key may take.'),
      max_in_flight: whole(1, 100_000, 'requests')
        .default(1_000)
        .describe(
          'How many requests for keys may be under way at once. Those beyond it get 503; new keys may take a quarter.',
        ),
      max_connections: whole(1, 65_535, 'connections')
        .default(1_000)
        .describe('How many connections each listener accepts. An idle one with TLS takes 71 KB of memory.'),
      max_connections_per_address: whole(1, 65_535, 'connections')
        .default(750)
        .describe(
          'How many of them may come from one IPv4 address or one IPv6 /64 network. Raise it behind a proxy.',
        ),
      tls: listenerTls,
    })
      .prefault({})
      .describe('The listener that gives out keys.'),
    operations: section({
      host: text('an address or host name').default('127.0.0.1').describe('Address to serve operators on.'),
      port: whole(0, 65_535).default(8_081).describe('Port to serve operators on; 0 takes one that is free.'),
      tls: listenerTls,
      metrics: choice(['authenticated', 'public'])
        .default('authenticated')
        .describe(
          'Who may read /metrics: callers with the permission metrics, or whoever reaches this listener.',
        ),
    })
      .prefault({})
      .describe('The listener for operators: how the regions are, and taking one out of use.'),
    tls: tlsSchema
      .optional()
      .describe('TLS for both listeners. Its files are looked at every second; changes need no restart.'),
    regions: listOf(region, 'at least one [[regions]] table')
      .min(1, { error: 'at least one [[regions]] table' })
      .describe(
        'The regions that hold the keys, the preferred one first. Whoever may call Decrypt in one of them can read the keys.',
      ),
    store: storeSchema.describe(
      'Where the key records are. docs/stores.md says which store and mode to choose.',
    ),
    keys: section({
      length_bytes: keyLength.default(32).describe('Length of new data keys; those that exist keep theirs.'),
      quorum: whole(1, 16, 'regions').optional().meta({
        description: 'How many regions must be proven to hold a new key before it is handed out.',
        whenUnset: 'all regions but one, at least 1',
      }),
    })
      .prefault({})
      .describe('New data keys.'),
    kms: section({
      attempt_timeout_ms: whole(10, 60_000, 'milliseconds')
        .default(800)
        .describe(
          'How long one call to a region may take, until 200 calls were measured; then [failover] bounds it.',
        ),
      connect_timeout_ms: whole(10, 60_000, 'milliseconds')
        .default(300)
        .describe('How long connecting to a region, of KMS or of the store, may take.'),
      max_sockets: whole(1, 10_000, 'connections')
        .default(256)
        .describe('How many connections may be open to one region at once, to KMS and as many to the store.'),
    })
      .prefault({})
      .describe('Calls to the regions.'),
    failover: failoverSchema
      .prefault({})
      .describe(
        'How regions are judged, tried and left alone. The defaults are meant to stay; see docs/failover.md.',
      ),
    repair: section({
      background: choice(['on', 'off'])
        .default('on')
        .describe(
          'Whether records that lack copies are repaired when they are read, within 5 % of a busy region’s calls.',
        ),
    })
      .prefault({})
      .describe('Bringing back copies that are missing or damaged.'),
    auth: section({
      tokens_file: text('the path of a file').optional().meta({
        description: 'The valid tokens, as hashes. A change takes effect within a second.',
        whenUnset: 'tokens.json in data_dir',
      }),
    })
      .prefault({})
      .describe('Bearer tokens.'),
    callers: callersSchema
      .optional()
      .describe(
        'Who may do what, at most. Without any, the tokens alone decide; with one, whoever has no table may do nothing.',
      ),
    issuers: issuersSchema.optional().describe('Whose tokens (JWT) are believed, besides our own.'),
    creation: creationSchema
      .prefault({})
      .describe('How many keys may be made for one caller, in each process. Keys that exist do not count.'),
    audit: section({
      file: text('the path of a file').optional().meta({
        description:
          'The audit log of the first process; others on the same folder write audit-2.jsonl and so on.',
        whenUnset: 'audit.jsonl in data_dir',
      }),
      flush: choice(['disk', 'os'])
        .default('disk')
        .describe(
          '"disk": no key leaves before its line is on this disk. "os": lines can be lost when the machine loses power.',
        ),
      max_bytes: whole(1_048_576, 1_099_511_627_776, 'bytes')
        .default(268_435_456)
        .describe(
          'A file that would grow above this is put aside as audit.000001.jsonl and so on; none is deleted.',
        ),
    })
      .prefault({})
      .describe('The audit log, JSON lines chained by hash. See docs/audit.md.'),
    security: section({
      allow_environment: listOf(text('a list of names'), 'a list of names')
        .default([])
        .describe(
          'Dangerous variables and Node flags that do not end the start, by name. See docs/security.md.',
        ),
    })
      .prefault({})
      .describe('What a start refuses.'),
    log: section({
      level: choice(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('The least important lines that are written to standard error.'),
      format: choice(['auto', 'pretty', 'json'])
        .default('auto')
        .describe(
          '"json": one object per line. "pretty": for people. "auto": for people on a terminal, JSON otherwise.',
        ),
    })
      .prefault({})
      .describe('The log.'),
  },
  { error: 'a table' },
);

export type ConfigInput = z.infer<typeof configSchema>;
