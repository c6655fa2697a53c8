// The whole HTTP interface as an OpenAPI 3.1 document: made from the tables that answers are made from, and served as it is.
// It says the same of every installation, and nothing of the one that serves it.
import { headers, parameters, schemas, securitySchemes } from './components.js';
import { operations } from './key-operations.js';
import type { Operation } from './operation.js';
import { problemAnswers, problemExamples } from './problem-answers.js';
import { problemStatus, type ProblemKind } from '../server/problems.js';

/** Where the listeners are unless they are configured otherwise. */
const servers = {
  keys: { url: 'http://127.0.0.1:8080', description: 'For callers: where they are by default.' },
  operations: { url: 'http://127.0.0.1:8081', description: 'For operators: where they are by default.' },
} as const satisfies Record<Operation['listener'], object>;

const tags = [
  { name: 'keys', description: 'Data keys, found or made.' },
  { name: 'health', description: 'Whether the service lives and takes requests.' },
  { name: 'regions', description: 'How the regions are, and taking one out of use.' },
  { name: 'metrics', description: 'What is measured.' },
  { name: 'interface', description: 'What can be asked.' },
];

/** A path of the operations listener names its server; one that both serve names both. */
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

/** :: an answer with problems, as JSON -> its name among the components: the operation that has it first, and its status */
const names = new Map<string, string>();

/** Operations that can fail alike refer to the same answer. */
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
    summary: 'Data keys that any one of several regions can open.',
    description:
      'One listener is for callers, a second one for operators. Whatever goes wrong is a problem document (RFC 9457). A path ' +
      'that is not listed here is answered with 404 `request.path-unknown`.',
    // The version of the interface: which program serves it is nobody's business.
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

/** As it is served at `/openapi.json`. */
export const openApiJson = `${JSON.stringify(openApiDocument)}\n`;
