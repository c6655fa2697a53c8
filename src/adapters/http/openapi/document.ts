// The whole HTTP interface as an OpenAPI 3.1 document, built from the tables that the answers are built from. The same for
// every installation; must never say anything about the one that serves it.
import { headers, parameters, schemas, securitySchemes } from './components.js';
import { operations } from './key-operations.js';
import type { Operation } from './operation.js';
import { problemAnswers, problemExamples } from './problem-answers.js';
import { problemStatus, type ProblemKind } from '../server/problems.js';

/** The default addresses of the listeners. */
const servers = {
  keys: { url: 'http://127.0.0.1:8080', description: 'Default address of the key listener.' },
  operations: { url: 'http://127.0.0.1:8081', description: 'Default address of the operations listener.' },
} as const satisfies Record<Operation['listener'], object>;

const tags = [
  { name: 'keys', description: 'Read and create data keys.' },
  { name: 'health', description: 'Liveness and readiness.' },
  { name: 'regions', description: 'See, drain and undrain regions.' },
  { name: 'metrics', description: 'Prometheus metrics.' },
  { name: 'interface', description: 'This document.' },
];

/** A path of the operations listener names its server; a path of both listeners names both. */
function pathItem(those: readonly Operation[]): object {
  const listeners = new Set(those.map(({ listener }) => listener));
  const elsewhere = listeners.has('operations');
  return {
    ...(elsewhere ? { servers: [...listeners].map((listener) => servers[listener]) } : {}),
    parameters: ['RequestId', 'TraceParent'].map(parameterAt),
    ...Object.fromEntries(those.map((operation) => [operation.method, described(operation)])),
  };
}

const parameterAt = (name: string): object => ({ $ref: `#/components/parameters/${name}` });

function described(operation: Operation): object {
  const { operationId, tag, summary, description, isPublic, requestBody, problems, answers } = operation;
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    ...(isPublic && { security: [] }),
    ...(operation.parameters.length > 0 && { parameters: operation.parameters.map(parameterAt) }),
    ...(requestBody && { requestBody }),
    responses: { ...answers, ...shared(operationId, problemAnswers(problems)) },
  };
}

/** :: answer with problems, as JSON -> its name in the components: the first operation with it, and the status */
const names = new Map<string, string>();

/** Operations with the same problems refer to the same answer. */
function shared(operationId: string, answers: Readonly<Record<string, object>>): object {
  const named = Object.entries(answers).map(([status, answer]) => {
    const json = JSON.stringify(answer);
    const name = names.get(json) ?? `${operationId}-${status}`;
    names.set(json, name);
    return [status, { $ref: `#/components/responses/${name}` }];
  });
  return Object.fromEntries(named) as object;
}

const sharedAnswers = (): object =>
  Object.fromEntries([...names].map(([json, name]) => [name, JSON.parse(json) as object]));

const byPath = Map.groupBy(operations, ({ path }) => path);

const paths = Object.fromEntries([...byPath].map(([path, those]) => [path, pathItem(those)]));

export const openApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'RKMS',
    summary: 'Data keys that any one of several regions can decrypt.',
    description:
      'One listener serves keys, a second one serves operators. Every error is a problem document (RFC 9457). A path that ' +
      'is not listed here gets 404 `request.path-unknown`. HEAD works as GET without the body, except on paths of keys.',
    // The version of the interface. The version of the program is not disclosed.
    version: '1',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [servers.keys],
  tags,
  security: [{ token: [] }, { jwt: [] }, { certificate: [] }],
  paths,
  components: {
    schemas,
    parameters,
    headers,
    responses: sharedAnswers(),
    securitySchemes,
    examples: problemExamples(Object.keys(problemStatus) as ProblemKind[]),
  },
};

/** The body of `/openapi.json`. */
export const openApiJson = `${JSON.stringify(openApiDocument)}\n`;
