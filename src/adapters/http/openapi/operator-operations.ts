// What operators can ask of their listener, for the OpenAPI document: how the regions are, taking one out of use, the metrics.
import type { OperatorFailure } from '../../../application/access/guarded-regions.js';
import { json, kindsOf, ofRequestWithoutBody, type Operation } from './operation.js';
import { headersOf } from './problem-answers.js';

const ofOrders = kindsOf<OperatorFailure['kind']>({ 'access.denied': true, 'audit.unavailable': true });

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

const getMetrics: Operation = {
  listener: 'operations',
  path: '/metrics',
  method: 'get',
  operationId: 'getMetrics',
  tag: 'metrics',
  summary: 'Get all measures',
  description:
    'In the text format of Prometheus; docs/metrics.md lists them. With `operations.metrics = "public"` nobody is asked who ' +
    'they are.',
  parameters: [],
  answers: {
    200: {
      description: 'The measures as they are now.',
      headers: headersOf(),
      content: { 'text/plain': { schema: { type: 'string' } } },
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

/** But for the document itself, which both listeners serve. */
export const operatorOperations: readonly Operation[] = [
  getMetrics,
  getRegions,
  ...orders.map(orderOperation('', '', 'Regions')),
  ...orders.slice(0, 2).map(orderOperation('/store', 'OfStore', 'Regions')),
];
