// Describes the problem documents for OpenAPI, from the table in problems.ts. A new kind of failure is documented as soon
// as it has a row there and an operation that lists it.
import { commonHeaders, requestIdHeader } from '../server/answers.js';
import {
  problemOf,
  problemStatus,
  problemTypePrefix,
  type HttpFailure,
  type ProblemKind,
} from '../server/problems.js';
import { strictTransportSecurity } from '../tls/tls.js';

type Headers = Readonly<Record<string, { readonly $ref: string }>>;

const headerAt = (name: string): Headers => ({ [name]: { $ref: `#/components/headers/${name}` } });

const onEveryAnswer: Headers = Object.assign(
  {},
  ...[requestIdHeader, ...Object.keys(commonHeaders), ...Object.keys(strictTransportSecurity)].map(headerAt),
) as Headers;

/** The common headers of every answer, and these. */
export const headersOf = (...names: readonly string[]): Headers =>
  Object.assign({}, onEveryAnswer, ...names.map(headerAt)) as Headers;

/** :: status -> additional headers of its problems */
const headersOfStatus: ReadonlyMap<number, readonly string[]> = new Map([
  [401, ['WWW-Authenticate']],
  [405, ['Allow']],
  [429, ['Retry-After']],
  [503, ['Retry-After']],
]);

/** :: status -> description of an answer with one of these problems */
export function problemAnswers(kinds: readonly ProblemKind[]): Readonly<Record<string, object>> {
  const byStatus = Map.groupBy(kinds, (kind) => problemStatus[kind]);
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [String(status), answerWith(status, some)]),
  );
}

const answerWith = (status: number, kinds: readonly ProblemKind[]): object => ({
  description: kinds.map((kind) => `\`${kind}\`: ${exampleOf(kind).title}.`).join('\n'),
  headers: headersOf(...(headersOfStatus.get(status) ?? [])),
  content: {
    'application/problem+json': {
      schema: {
        allOf: [
          { $ref: '#/components/schemas/Problem' },
          {
            type: 'object',
            properties: {
              type: { enum: kinds.map((kind) => `${problemTypePrefix}${kind}`) },
              status: { const: status },
            },
            ...(kinds.includes('access.denied') ? { required: ['permission'] } : {}),
            ...(kinds.includes('creation.over-quota') ? { required: ['limit'] } : {}),
          },
        ],
      },
      examples: Object.fromEntries(kinds.map((kind) => [kind, { $ref: `#/components/examples/${kind}` }])),
    },
  },
});

/** :: kind -> an example of its problem document */
export const problemExamples = (kinds: readonly ProblemKind[]): Readonly<Record<string, object>> =>
  Object.fromEntries(kinds.map((kind) => [kind, { summary: exampleOf(kind).title, value: exampleOf(kind) }]));

const exampleId = '0f9d6c1e-6a0b-4c64-9f0e-3f3d6f3c2b1a';

const exampleOf = (kind: ProblemKind): ReturnType<typeof problemOf> =>
  problemOf({ kind, permission: 'read', limit: 'rate' } as HttpFailure, exampleId);
