// The description of one path and method in the OpenAPI document, and what many operations have in common.
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
  /** No authentication is needed. */
  readonly isPublic?: true;
  /** Names of parameters in components.ts. */
  readonly parameters: readonly string[];
  readonly requestBody?: object;
  /** :: status -> answer that is not a problem document */
  readonly answers: Readonly<Record<string, object>>;
  readonly problems: readonly ProblemKind[];
}

/** The problems of every path. */
export const ofAnyRequest = [
  'request.malformed',
  'request.method-not-allowed',
  'request.too-slow',
  'request.uri-too-long',
  'request.headers-too-large',
  'internal',
] as const satisfies readonly ProblemKind[];
export const ofRequestWithoutBody = [...ofAnyRequest, 'request.body-unexpected'] as const;
/** The kinds of a failure. The type checks that none is missing. */
export function kindsOf<Kind extends ProblemKind>(kinds: Readonly<Record<Kind, true>>): readonly Kind[] {
  return Object.keys(kinds) as Kind[];
}

export const json = (description: string, schema: string, ...headers: readonly string[]): object => ({
  description,
  headers: headersOf(...headers),
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
});
