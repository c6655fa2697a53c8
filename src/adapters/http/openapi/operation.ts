// One path and method of the OpenAPI document: what is to be said of each, and what many of them have in common.
import { headersOf } from './problem-answers.js';
import type { ProblemKind } from '../server/problems.js';

/** One path and method. */
export interface Operation {
  readonly listener: 'keys' | 'operations';
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly operationId: string;
  readonly tag: 'keys' | 'health' | 'regions' | 'metrics' | 'interface';
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
export const ofAnyRequest = [
  'request.malformed',
  'request.method-not-allowed',
  'request.too-slow',
  'request.uri-too-long',
  'request.headers-too-large',
  'internal',
] as const satisfies readonly ProblemKind[];
export const ofRequestWithoutBody = [...ofAnyRequest, 'request.body-unexpected'] as const;
/** All kinds of a failure, complete by its type. */
export function kindsOf<Kind extends ProblemKind>(kinds: Readonly<Record<Kind, true>>): readonly Kind[] {
  return Object.keys(kinds) as Kind[];
}

export const json = (description: string, schema: string, ...headers: readonly string[]): object => ({
  description,
  headers: headersOf(...headers),
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
});
