// What can be asked of the HTTP interface: every path and method with what it takes, what it answers, and which problems it
// may answer with. A test holds this against the routes that are served, both ways.
import { headersOf } from './openapi-problems.js';
import type { ProblemKind } from './problems.js';
import type { GetKeyFailure } from '../../domain/failures.js';
import type { OperatorFailure } from '../../application/guarded-regions.js';

/** One path and method. */
export interface Operation {
  readonly listener: 'keys' | 'operations';
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly operationId: string;
  readonly tag: 'keys' | 'health' | 'regions' | 'interface';
  readonly summary: string;
  readonly description: string;
  /** Nobody needs to say who they are. */
  readonly isPublic?: true;
  /** Names of components. */
  readonly parameters: readonly string[];
  readonly requestBody?: object;
  /** :: status -> what it answers when all is well; 503 for a service that is not ready */
  readonly answers: Readonly<Record<string, object>>;
  readonly problems: readonly ProblemKind[];
}

/** What can be wrong with a request to any path. */
const ofAnyRequest = [
  'request.malformed',
  'request.method-not-allowed',
  'request.too-slow',
  'request.uri-too-long',
  'request.headers-too-large',
  'internal',
] as const satisfies readonly ProblemKind[];
const ofRequestWithoutBody = [...ofAnyRequest, 'request.body-unexpected'] as const;
const ofIds = ['request.id-invalid', 'request.parameter-unknown'] as const;

/** Complete by its type, as are those of orders: a failure that has no line here does not compile. */
const ofKeys = kindsOf<GetKeyFailure['kind']>({
  'access.denied': true,
  'audit.unavailable': true,
  'call.aborted': true,
  'creation.over-quota': true,
  'credentials.invalid': true,
  'key.not-found': true,
  'key.unreadable': true,
  'regions.below-quorum': true,
  'regions.exhausted': true,
  'service.overloaded': true,
  'store.conflicted': true,
  'store.foreign': true,
  'store.misconfigured': true,
  'store.outcome-unknown': true,
  'store.throttled': true,
  'store.unavailable': true,
  'store.written-elsewhere': true,
  'vault.request-invalid': true,
});
const ofOrders = kindsOf<OperatorFailure['kind']>({ 'access.denied': true, 'audit.unavailable': true });

function kindsOf<Kind extends ProblemKind>(kinds: Readonly<Record<Kind, true>>): readonly Kind[] {
  return Object.keys(kinds) as Kind[];
}

const text = (description: string, word: string): object => ({
  description,
  headers: headersOf(),
  content: { 'text/plain': { schema: { type: 'string', const: `${word}\n` } } },
});

const json = (description: string, schema: string, ...headers: readonly string[]): object => ({
  description,
  headers: headersOf(...headers),
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
});

const aKey = json('The key.', 'Key', 'RKMS-Region', 'RKMS-Copies');

const keyOperations = (path: string, suffix: string): readonly Operation[] => [
  {
    listener: 'keys',
    path,
    method: 'get',
    operationId: `getKey${suffix}`,
    tag: 'keys',
    summary: 'Get the key of an id',
    description:
      'Answers with the key of the id. An id that has none gets one, if the caller may create it; from then on every ' +
      'request for the id, to every instance, is answered with the same key.',
    parameters: ['Id'],
    answers: { 200: aKey },
    problems: [
      ...ofRequestWithoutBody,
      ...ofIds,
      'request.id-missing',
      'request.id-repeated',
      'request.encoding-invalid',
      'authentication.failed',
      ...ofKeys,
    ],
  },
  {
    listener: 'keys',
    path,
    method: 'post',
    operationId: `postKey${suffix}`,
    tag: 'keys',
    summary: 'Get the key of an id that is named in the body',
    description:
      'The same as GET, for callers who keep ids out of the access logs of proxies: the id is in the body and nowhere else.',
    parameters: [],
    requestBody: {
      required: true,
      description: 'At most 1,024 bytes of JSON in UTF-8, not compressed.',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/KeyName' } } },
    },
    answers: { 200: aKey },
    problems: [
      ...ofAnyRequest,
      ...ofIds,
      'request.body-invalid',
      'request.body-too-large',
      'request.media-type-unsupported',
      'authentication.failed',
      ...ofKeys,
    ],
  },
];

const health = { listener: 'keys', method: 'get', tag: 'health', isPublic: true, parameters: [] } as const;

const healthOperations: readonly Operation[] = [
  {
    ...health,
    path: '/livez',
    operationId: 'isAlive',
    summary: 'Is the process alive?',
    description: 'For whoever restarts a process that hangs. Says nothing of regions or the store.',
    answers: { 200: text('It is.', 'ok') },
    problems: ofRequestWithoutBody,
  },
  {
    ...health,
    path: '/readyz',
    operationId: 'isReady',
    summary: 'Does the service take requests?',
    description:
      'For whoever sends traffic. It is not ready while it stops and while its audit log cannot be written.',
    answers: { 200: text('It does.', 'ok'), 503: text('It does not.', 'not ready') },
    problems: ofRequestWithoutBody,
  },
];

const interfaceOperation = (listener: Operation['listener']): Operation => ({
  listener,
  path: '/openapi.json',
  method: 'get',
  operationId: 'getInterface',
  tag: 'interface',
  isPublic: true,
  summary: 'Get this document',
  description:
    'Served by both listeners, to everybody: it is the same for every installation, and says nothing of this one.',
  parameters: [],
  answers: {
    200: {
      description: 'This document.',
      headers: headersOf(),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Interface' } } },
    },
  },
  problems: ofRequestWithoutBody,
});

const ofOperators = { listener: 'operations', tag: 'regions' } as const;

const getRegions: Operation = {
  ...ofOperators,
  path: '/regions',
  method: 'get',
  operationId: 'getRegions',
  summary: 'See how the regions are',
  description:
    'The regions in the order in which requests try them. With `Accept: text/event-stream` the answer goes on: an event ' +
    '`regions` with the same JSON now and whenever the order or a state changes, until the caller leaves or may no longer look.',
  parameters: [],
  answers: {
    200: {
      description: 'The regions of KMS and, where the store is in several, those of the store.',
      headers: headersOf(),
      content: {
        'application/json': { schema: { $ref: '#/components/schemas/AllRegions' } },
        'text/event-stream': { schema: { type: 'string' } },
      },
    },
  },
  problems: [...ofRequestWithoutBody, 'authentication.failed', 'access.denied'],
};

type Order = readonly [name: string, id: string, summary: string, description: string];

const orders: readonly Order[] = [
  [
    'drain',
    'drain',
    'Take a region out of use',
    'Requests try it only when no other region answers, until it is undrained.',
  ],
  [
    'undrain',
    'undrain',
    'Take a drained region into use again',
    'It is probed first, and then gets its traffic step by step.',
  ],
  [
    'lift-quarantine',
    'liftQuarantine',
    'Trust a region again',
    'For a region that answered with wrong keys, once its cause is known and gone. It is probed before it is used.',
  ],
];

const orderOperation =
  (prefix: string, suffix: string, schema: string) =>
  ([name, id, summary, description]: Order): Operation => ({
    ...ofOperators,
    path: `${prefix}/regions/{region}/${name}`,
    method: 'post',
    operationId: `${id}${suffix}`,
    summary: `${summary}${suffix === '' ? '' : ' of the store'}`,
    description,
    parameters: ['Region'],
    answers: { 200: json('Done: the regions as they are now.', schema) },
    problems: [...ofRequestWithoutBody, 'request.path-unknown', 'authentication.failed', ...ofOrders],
  });

/** Every path and method of both listeners. */
export const operations: readonly Operation[] = [
  ...keyOperations('/key', ''),
  ...keyOperations('/api/v1/key', 'V1'),
  ...healthOperations,
  interfaceOperation('keys'),
  interfaceOperation('operations'),
  getRegions,
  ...orders.map(orderOperation('', '', 'Regions')),
  ...orders.slice(0, 2).map(orderOperation('/store', 'OfStore', 'Regions')),
];
