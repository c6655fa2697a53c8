// The shape of the configuration: every option with its type, range and default. What a file may say is exactly what is
// written here. Each option describes itself, in whole sentences: docs/configuration.md and `rkms config` print that.
import { z } from 'zod';
import { dataKeyLengths, isDataKeyLength, type DataKeyLength } from '../../../domain/keys/data-key.js';
import { parseDeployment, parseRegion, type Deployment, type Region } from '../../../domain/ids.js';
import { cacheSchema } from './cache.js';
import { callersSchema, creationSchema } from './callers.js';
import {
  choice,
  endpoint,
  host,
  listOf,
  named,
  oneOfTables,
  processCount,
  section,
  text,
  whole,
} from './rules.js';
import { failoverSchema } from './failover.js';
import { issuersSchema } from './issuers.js';
import { kmsKey } from './kms-keys.js';
import { storeSchema } from './store.js';
import { listenerTls, tlsSchema } from './tls.js';
import { allowedName } from './unsafe-rules.js';

const regionName = named<Region>(parseRegion);
const deployment = named<Deployment>(parseDeployment);

const name = regionName.describe('The AWS name of the region.');
const vault =
  'What wraps the keys in this region: AWS KMS, or a master key on this disk (for evaluation and tests).';
const region = z.discriminatedUnion(
  'vault',
  [
    z.strictObject({
      name,
      vault: z.literal('aws-kms').describe(vault),
      kms_key: kmsKey.describe(
        'The KMS key that wraps data keys in this region. With an ARN, the process saves one DescribeKey call at start.',
      ),
      endpoint: endpoint.optional().meta({
        description: 'Another endpoint of KMS, for example a VPC endpoint.',
        whenUnset: 'by the name',
      }),
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
      .describe('Folder for the audit log, the token file and local data; only its owner can read it.'),
    server: section({
      host: host.default('127.0.0.1').describe('Address to serve keys on.'),
      port: whole(0, 65_535).default(8_080).describe('Port to serve keys on; 0 chooses a free port.'),
      workers: processCount
        .default(1)
        .describe(
          'How many processes share both listeners, on a machine with several cores. Each takes about 250 MB of memory. Limits of requests, connections and creations are divided among them.',
        ),
      request_timeout_ms: whole(100, 60_000, 'milliseconds')
        .default(2_000)
        .describe('Time limit of a whole request for a key.'),
      max_in_flight: whole(1, 100_000, 'requests')
        .default(1_000)
        .describe(
          'How many requests for keys may be in flight. Further requests get 503; at most a quarter may create keys.',
        ),
      max_connections: whole(1, 65_535, 'connections')
        .default(1_000)
        .describe('How many connections each listener accepts. An idle one with TLS takes 71 KB of memory.'),
      max_connections_per_address: whole(1, 65_535, 'connections')
        .default(750)
        .describe(
          'How many of them may come from one IPv4 address or one IPv6 /64 network. Raise it behind a proxy.',
        ),
      keep_alive_ms: whole(1_000, 3_600_000, 'milliseconds')
        .default(65_000)
        .describe(
          'How long each listener keeps an idle connection open. Longer than a load balancer in front does: 620000 for that of Google, 65000 for those of AWS.',
        ),
      tls: listenerTls,
    })
      .prefault({})
      .describe('The listener that serves keys.'),
    operations: section({
      host: host.default('127.0.0.1').describe('Address to serve operators on.'),
      port: whole(0, 65_535).default(8_081).describe('Port to serve operators on; 0 chooses a free port.'),
      tls: listenerTls,
      metrics: choice(['authenticated', 'public'])
        .default('authenticated')
        .describe(
          'Who may read /metrics: callers with the permission "metrics", or anyone who can connect to this listener.',
        ),
    })
      .prefault({})
      .describe('The listener for operators: the state of the regions, draining a region, metrics.'),
    tls: tlsSchema
      .optional()
      .describe('TLS for both listeners. RKMS checks the files every second; changes need no restart.'),
    regions: listOf(region, 'at least one [[regions]] table')
      .min(1, { error: 'at least one [[regions]] table' })
      .describe(
        'The regions that hold the keys, in order of preference. Anyone who may call Decrypt in one of them can read the keys.',
      ),
    store: storeSchema.describe(
      'Where the key records are stored. See docs/stores.md for the choice of store and mode.',
    ),
    keys: section({
      length_bytes: keyLength
        .default(32)
        .describe('Length of new data keys; existing keys keep their length.'),
      quorum: whole(1, 16, 'regions').optional().meta({
        description: 'How many regions must be proven to hold a new key before it is returned.',
        whenUnset: 'all regions but one, at least 1',
      }),
    })
      .prefault({})
      .describe('New data keys.'),
    cache: cacheSchema,
    kms: section({
      attempt_timeout_ms: whole(10, 60_000, 'milliseconds')
        .default(800)
        .describe(
          'Time limit of one call to a region until 200 calls were measured; after that, see min_timeout_ms in [failover].',
        ),
      connect_timeout_ms: whole(10, 60_000, 'milliseconds')
        .default(300)
        .describe('Time limit for connecting to a region of KMS or of the store.'),
      max_sockets: whole(1, 10_000, 'connections')
        .default(256)
        .describe('How many connections may be open to one region: to KMS, and as many again to the store.'),
    })
      .prefault({})
      .describe('Calls to the regions.'),
    failover: failoverSchema
      .prefault({})
      .describe(
        'When a region is slow, failed or healthy again, and how calls move between regions. Keep the defaults unless docs/failover.md says otherwise.',
      ),
    repair: section({
      background: choice(['on', 'off'])
        .default('on')
        .describe(
          'Whether keys that lack copies when they are created or read are repaired, within 5 % of a busy region’s calls.',
        ),
    })
      .prefault({})
      .describe('Repair of copies that are missing or damaged.'),
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
        'The most that each caller may do. Without any table, the tokens alone decide; with one, a caller without a table may do nothing.',
      ),
    issuers: issuersSchema
      .optional()
      .describe('The issuers whose JWTs are accepted, in addition to RKMS tokens.'),
    creation: creationSchema
      .prefault({})
      .describe(
        'How many keys may be created for one caller, in each process. Requests for existing keys do not count.',
      ),
    audit: section({
      file: text('the path of a file').optional().meta({
        description:
          'The audit log of the first process; others on the same folder write audit-2.jsonl and so on.',
        whenUnset: 'audit.jsonl in data_dir',
      }),
      flush: choice(['disk', 'os'])
        .default('disk')
        .describe(
          '"disk": no key is returned before its line is on this disk. "os": lines can be lost when the machine loses power.',
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
      allow_environment: listOf(allowedName, 'a list of names')
        .default([])
        .describe(
          'Names of unsafe environment variables and Node flags that are allowed. See docs/security.md.',
        ),
    })
      .prefault({})
      .describe('Settings that the start of the service refuses unless they are listed here.'),
    log: section({
      level: choice(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('The lowest level that is written to standard error.'),
      format: choice(['auto', 'pretty', 'json'])
        .default('auto')
        .describe(
          '"json": one object per line. "pretty": readable lines. "auto": "pretty" on a terminal, "json" otherwise.',
        ),
    })
      .prefault({})
      .describe('The log.'),
  },
  { error: 'a table' },
);

export type ConfigInput = z.infer<typeof configSchema>;
