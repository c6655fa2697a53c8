// What can be asked of the HTTP interface: every path and method with what it takes, what it answers, and which problems it
// may answer with. A test holds this against the routes that are served, both ways.
import { json, kindsOf, ofAnyRequest, ofRequestWithoutBody, type Operation } from './operation.js';
import { operatorOperations } from './operator-operations.js';
import { headersOf } from './problem-answers.js';
import type { GetKeyFailure } from '../../../domain/failures/key-failures.js';

const ofIds = ['request.id-invalid', 'request.parameter-unknown'] as const;

/** Complete by its type: a failure that has no line here does not compile. */
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

/** Every path and method of both listeners. */
export const operations: readonly Operation[] = [
  ...keyOperations('/key', ''),
  ...keyOperations('/api/v1/key', 'V1'),
  ...healthOperations,
  interfaceOperation('keys'),
  interfaceOperation('operations'),
  ...operatorOperations,
];
