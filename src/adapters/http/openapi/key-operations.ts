// The operations of the key listener for OpenAPI: parameters, answers and problems of each path and method. A test
// compares them with the served routes in both directions.
import { json, kindsOf, ofAnyRequest, ofRequestWithoutBody, type Operation } from './operation.js';
import { operatorOperations } from './operator-operations.js';
import { headersOf } from './problem-answers.js';
import type { GetKeyFailure } from '../../../domain/failures/key-failures.js';

const ofIds = ['request.id-invalid', 'request.parameter-unknown'] as const;

/** Complete: a failure without a line here does not compile. */
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

const text = (description: string, word: string): object => ({
  description,
  headers: headersOf(),
  content: { 'text/plain': { schema: { type: 'string', const: `${word}\n` } } },
});

const aKey = json('The key.', 'Key', 'RKMS-Region', 'RKMS-Copies', 'RKMS-Record', 'RKMS-Key');

const keyOperations = (path: string, suffix: string): readonly Operation[] => [
  {
    listener: 'keys',
    path,
    method: 'get',
    operationId: `getKey${suffix}`,
    tag: 'keys',
    summary: 'Get the key of an id',
    description:
      'Returns the key of the id. If there is none and the caller may create it, a new key is created. From then on every ' +
      'instance returns the same key for the id. Creating keys is limited for each caller, by default to 1,000 keys at ' +
      'once, then 50 per second, and 100,000 in 24 hours; then the answer is 429.',
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
    summary: 'Get the key of an id in the body',
    description:
      'The same as GET, with the id only in the body. Keeps ids out of the access logs of proxies.',
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
    description: 'For liveness probes. Does not depend on regions or the store.',
    answers: { 200: text('The process is alive.', 'ok') },
    problems: ofRequestWithoutBody,
  },
  {
    ...health,
    path: '/readyz',
    operationId: 'isReady',
    summary: 'Does the service accept requests?',
    description:
      'For readiness probes and load balancers. Not ready while the service stops or cannot write its audit log.',
    answers: {
      200: text('The service accepts requests.', 'ok'),
      503: text('The service does not accept requests.', 'not ready'),
    },
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
  description: 'Served by both listeners without authentication. The same for every installation.',
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

/** Every path and method of both listeners. */
export const operations: readonly Operation[] = [
  ...keyOperations('/key', ''),
  ...keyOperations('/api/v1/key', 'V1'),
  ...healthOperations,
  interfaceOperation('keys'),
  interfaceOperation('operations'),
  ...operatorOperations,
];
