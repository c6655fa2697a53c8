// The operations of the operations listener for OpenAPI: the state of the regions, draining them, and the metrics.
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
  summary: 'See the state of the regions',
  description:
    'The regions in the order in which requests try them. With `Accept: text/event-stream` the answer is a stream: an event ' +
    '`regions` with the same JSON now and whenever the order or a state changes, until the caller loses the permission.',
  parameters: [],
  answers: {
    200: {
      description: 'The regions of KMS, and those of the store.',
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
  summary: 'Get all metrics',
  description:
    'In the text format of Prometheus; docs/metrics.md lists them. Needs no authentication with ' +
    '`operations.metrics = "public"`.',
  parameters: [],
  answers: {
    200: {
      description: 'The current metrics.',
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
    'Drain a region',
    'Requests use it only when no other region answers, until it is undrained.',
  ],
  [
    'undrain',
    'undrain',
    'Undrain a region',
    'The region is probed first, and then gets its traffic step by step.',
  ],
  [
    'lift-quarantine',
    'liftQuarantine',
    'Lift the quarantine of a region',
    'For a region that answered with wrong keys, once the cause is found and removed. It is probed before it is used.',
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
    answers: { 200: json('The regions after the order.', schema) },
    problems: [...ofRequestWithoutBody, 'request.path-unknown', 'authentication.failed', ...ofOrders],
  });

/** Without the document itself, which both listeners serve. */
export const operatorOperations: readonly Operation[] = [
  getMetrics,
  getRegions,
  ...orders.map(orderOperation('', '', 'Regions')),
  ...orders.slice(0, 2).map(orderOperation('/store', 'OfStore', 'Regions')),
];
