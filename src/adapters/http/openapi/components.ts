// The components of the OpenAPI document: parameters, schemas, headers and security schemes. Sizes and patterns must be
// those that the parsers enforce; a test compares them.
import type { CreationLimit } from '../../../domain/access/creation-quota.js';
import { permissions } from '../../../domain/access/caller.js';
import { commonHeaders, requestIdHeader } from '../server/answers.js';
import { problemTypePrefix } from '../server/problems.js';
import { requestIdPattern } from '../server/request-scope.js';
import { strictTransportSecurity } from '../tls/tls.js';

const keyId = {
  type: 'string',
  description: 'Compared byte for byte.',
  minLength: 1,
  maxLength: 255,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:/\\-@+=]*$',
  examples: ['orders/7'],
} as const;

const region = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[a-z][a-z0-9-]*$',
  examples: ['us-east-1'],
} as const;

const at = (schema: string): object => ({ $ref: `#/components/schemas/${schema}` });
const count = (description: string): object => ({ type: 'integer', minimum: 0, description });
const milliseconds = (description: string): object => ({ type: ['number', 'null'], minimum: 0, description });

const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

const regionReport = object({
  region: at('Region'),
  state: {
    enum: [
      'healthy',
      'degraded',
      'recovering',
      'half-open',
      'open',
      'misconfigured',
      'quarantined',
      'drained',
    ],
    description: 'docs/failover.md explains the states.',
  },
  sinceS: count('Seconds since the region entered this state.'),
  why: {
    type: 'string',
    description:
      'The cause of the state: `start`, `operator`, or the kind of a failure. For a region that cannot be used, its ' +
      'reason follows: `region.unavailable: timed-out` (no answer in time), `region.unavailable: reset`, ' +
      '`region.unavailable: server-error` (status 5xx). A slow region is `degraded`.',
  },
  circuit: { enum: ['closed', 'half-open', 'open'] },
  p50Ms: milliseconds('Median duration of a call. `null` until calls were measured.'),
  p95Ms: milliseconds('95th percentile of the duration of a call. `null` until calls were measured.'),
  overQuota: { type: 'boolean', description: 'The region throttles calls, and RKMS sends it fewer.' },
  transitions: count('How often the state has changed.'),
});

const order = {
  type: 'array',
  items: at('Region'),
  description: 'The regions in the order in which requests try them.',
};
const regions = { type: 'array', items: at('RegionReport'), description: 'In the same order.' };

export const schemas = {
  KeyId: keyId,
  KeyName: { ...object({ id: at('KeyId') }), examples: [{ id: 'orders/7' }] },
  Key: {
    ...object({
      id: at('KeyId'),
      version: { type: 'integer', minimum: 1 },
      key: {
        type: 'string',
        description: '16, 32 or 64 bytes in base64 with padding.',
        contentEncoding: 'base64',
        pattern: '^[A-Za-z0-9+/]+={0,2}$',
      },
    }),
    examples: [{ id: 'orders/7', version: 1, key: 'c29tZSAzMiBieXRlcyB0aGF0IGFyZSBubyBrZXkuLi4=' }],
  },
  Interface: {
    type: 'object',
    description: 'An OpenAPI 3.1 document.',
    properties: { openapi: { type: 'string', pattern: '^3\\.1\\.' } },
    required: ['openapi'],
  },
  Region: region,
  RegionReport: regionReport,
  Regions: object({ order, regions }),
  AllRegions: object({
    order,
    regions,
    store: {
      oneOf: [at('Regions'), { type: 'null' }],
      description: 'The regions of the store; `null` for a store without regions (SQLite).',
    },
  }),
  Problem: {
    ...object(
      {
        type: {
          type: 'string',
          pattern: `^${problemTypePrefix}`,
          description: 'Identifies the problem. Its meaning never changes.',
        },
        title: { type: 'string', description: 'The problem in a few words.' },
        status: { type: 'integer', minimum: 400, maximum: 599 },
        detail: { type: 'string', description: 'What the client can do.' },
        requestId: { type: 'string', description: 'The id of the request in the log and the audit log.' },
        permission: { enum: permissions, description: 'With `access.denied`: the missing permission.' },
        limit: {
          enum: ['rate', 'day'] satisfies readonly CreationLimit[],
          description:
            'With `creation.over-quota`: the limit that is reached. `rate`: `creation.burst` and `creation.per_second`; ' +
            '`day`: `creation.per_day`. The operator of this service can raise both, also for one caller.',
        },
      },
      ['permission', 'limit'],
    ),
    description: 'A problem document (RFC 9457).',
  },
} as const;

const requestId = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: requestIdPattern.source,
} as const;

export const parameters = {
  Id: {
    name: 'id',
    in: 'query',
    required: true,
    allowReserved: true,
    description: 'The id of the key, percent-encoded. Write `+` as `%2B`. No other parameter is allowed.',
    schema: at('KeyId'),
  },
  Region: {
    name: 'region',
    in: 'path',
    required: true,
    description: 'The name of a configured region.',
    schema: at('Region'),
  },
  RequestId: {
    name: requestIdHeader,
    in: 'header',
    description: 'An id for the request. An id of another form is replaced, not refused.',
    schema: requestId,
  },
  TraceParent: {
    name: 'traceparent',
    in: 'header',
    description: 'The trace of the request (W3C Trace Context). A value of another form is ignored.',
    schema: { type: 'string', pattern: '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' },
  },
} as const;

const fixed = Object.entries({ ...commonHeaders, ...strictTransportSecurity }).map(([name, value]) => [
  name,
  {
    ...(name in strictTransportSecurity ? { description: 'Over TLS only.' } : { required: true }),
    schema: { type: 'string', const: value },
  },
]);

export const headers = {
  ...(Object.fromEntries(fixed) as Readonly<Record<string, object>>),
  [requestIdHeader]: {
    required: true,
    description:
      'The id of the request in the log and the audit log: the one that the client sent, or a new one.',
    schema: requestId,
  },
  'RKMS-Region': {
    required: true,
    description: 'The region that decrypted or created the key.',
    schema: at('Region'),
  },
  'RKMS-Copies': {
    required: true,
    description: 'How many of the configured regions hold the key.',
    schema: { type: 'string', pattern: '^\\d+/\\d+$', examples: ['3/3'] },
  },
  'RKMS-Record': {
    required: false,
    description:
      'Present when the record of the key came from the cache: the seconds since the store was seen to hold it.',
    schema: { type: 'string', pattern: '^cached; age=\\d+$', examples: ['cached; age=42'] },
  },
  'RKMS-Key': {
    required: false,
    description:
      'Present when the key was kept in memory: the seconds since the region decrypted or created it.',
    schema: { type: 'string', pattern: '^cached; age=\\d+$', examples: ['cached; age=7'] },
  },
  'Retry-After': {
    required: true,
    description: 'Seconds to wait before the next try.',
    schema: { type: 'integer', minimum: 1 },
  },
  Allow: { required: true, description: 'The methods that the path supports.', schema: { type: 'string' } },
  'WWW-Authenticate': { required: true, schema: { type: 'string', const: 'Bearer' } },
} as const;

export const securitySchemes = {
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'rkms_<public id>_<secret>_<checksum>',
    description: 'A token created with `rkms token create`.',
  },
  jwt: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token of a configured issuer or of a Kubernetes service account.',
  },
  certificate: {
    type: 'mutualTLS',
    description: 'A client certificate that the configuration maps to a caller.',
  },
} as const;
