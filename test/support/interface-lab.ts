// Both listeners with whatever stands behind them played: every way in which the application can fail is at hand. What they
// answer is held against the OpenAPI document.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type Koa from 'koa';
import { err, errAsync, ok, okAsync, type Result } from 'neverthrow';
import { createApp, keyRoutes, type HttpParts } from '../../src/adapters/http/keys/key-routes.js';
import {
  createOperationsApp,
  operationsRoutes,
  type OperationsParts,
} from '../../src/adapters/http/operations/operation-routes.js';
import type { HttpFailure } from '../../src/adapters/http/server/problems.js';
import type { Route } from '../../src/adapters/http/server/dispatch.js';
import { listen, type RunningServer } from '../../src/adapters/http/server/server.js';
import type { GuardedKeys } from '../../src/application/access/guarded-keys.js';
import type { GuardedMetrics } from '../../src/application/access/guarded-metrics.js';
import type { GuardedRegions } from '../../src/application/access/guarded-regions.js';
import type { RegionReport } from '../../src/application/regions/region-supervisor.js';
import { callerWith } from './callers.js';
import { ask, type HttpAnswer, type HttpQuestion } from './http-client.js';
import { ManualClock } from './manual-clock.js';
import { ConcurrencyLimit } from '../../src/application/resilience/concurrency-limit.js';
import { keyId, keyVersion, region } from './names.js';
import { keyOf } from './sample-keys.js';

const regionName = region('us-east-1');

const metricsPage = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  text: 'rkms_in_flight_requests 1\n',
};

const report: RegionReport = {
  region: regionName,
  state: { kind: 'healthy' },
  sinceMs: 1_000,
  why: 'start',
  p50Ms: 12.345,
  p95Ms: undefined,
  overQuota: false,
  transitions: 0,
} as unknown as RegionReport;

export class InterfaceLab {
  readonly clock = new ManualClock();
  /** What the application says in place of its answer. */
  failure: HttpFailure | undefined;
  /** Thrown in the middle of the next requests. */
  bug: Error | undefined;
  ready = true;
  readonly routes: Readonly<Record<'keys' | 'operations', readonly Route[]>>;
  readonly #parts: HttpParts & OperationsParts;
  readonly #servers: RunningServer[] = [];

  constructor() {
    const key = (): unknown => ({
      id: keyId('orders/7'),
      version: keyVersion(1),
      key: keyOf(Buffer.alloc(32, 0x52)),
      region: regionName,
      copies: 3,
      regions: 3,
      created: false,
      attempts: 1,
      hedged: false,
    });
    const outcome = <T>(value: T): Result<T, HttpFailure> => (this.failure ? err(this.failure) : ok(value));
    const guarded = {
      report: () => outcome([report]),
      watch: () => outcome(() => undefined),
      command: () => outcome([report]).asyncMap((value) => Promise.resolve(value)),
    } as unknown as GuardedRegions;
    this.#parts = {
      keys: {
        get: () => outcome(key()).asyncMap((value) => Promise.resolve(value)),
      } as unknown as GuardedKeys,
      guarded,
      regions: [regionName],
      store: { guarded, regions: [regionName] },
      clock: this.clock,
      settings: { requestTimeoutMs: 60_000 },
      inFlight: new ConcurrencyLimit(1_000),
      metrics: {
        isPublic: false,
        read: () => outcome(metricsPage).asyncMap((page) => Promise.resolve(page)),
      } as unknown as GuardedMetrics,
      isReady: () => this.ready,
      authenticator: {
        authenticate: ({ authorization }) =>
          authorization.length === 1
            ? okAsync(callerWith(['read', 'create', 'operate', 'metrics']))
            : errAsync({ kind: 'authentication.failed' }),
      },
      onRequest: () => undefined,
    };
    this.routes = { keys: keyRoutes(this.#parts), operations: operationsRoutes(this.#parts) };
  }

  async open(): Promise<this> {
    const apps = { server: createApp(this.#parts), operations: createOperationsApp(this.#parts) } as const;
    for (const section of ['server', 'operations'] as const) {
      const app: Koa = apps[section];
      app.middleware.splice(1, 0, (_, next) => {
        if (this.bug) throw this.bug;
        return next();
      });
      this.#servers.push(await listen(app, { host: '127.0.0.1', port: 0 }, section));
    }
    return this;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.stop(0);
  }

  urlOf(listener: 'keys' | 'operations'): string {
    return this.#servers[listener === 'keys' ? 0 : 1]?.url ?? '';
  }

  ask(listener: 'keys' | 'operations', question: HttpQuestion): Promise<HttpAnswer> {
    return ask(this.urlOf(listener), question);
  }

  /** Sends bytes as they are, and reads the one answer that ends the connection. */
  async askRaw(listener: 'keys' | 'operations', bytes: string): Promise<HttpAnswer> {
    const { hostname, port } = new URL(this.urlOf(listener));
    const socket = connect({ host: hostname, port: Number(port), signal: AbortSignal.timeout(20_000) });
    socket.write(bytes, 'latin1');
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    const [line = '', ...lines] = head.split('\r\n');
    const headers = lines.map((each) => /^([^:]+): (.*)$/.exec(each) ?? []);
    return {
      status: Number(line.split(' ')[1]),
      headers: Object.fromEntries(headers.map(([, name = '', value]) => [name.toLowerCase(), value])),
      body,
    };
  }
}

interface Answer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}
type Operations = Readonly<Record<string, { readonly responses: Readonly<Record<string, object>> }>>;

/** An OpenAPI document, as far as answers are held against it. */
export interface Described {
  readonly paths: Readonly<Record<string, Operations>>;
  readonly components: object;
}

/** Not of an answer's making, but of HTTP/1.1's or Node's. */
const ofTheConnection = [
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
];

export class InterfaceCheck {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });

  constructor(private readonly document: Described) {
    this.#ajv.addSchema({ $id: 'https://rkms.example/openapi', ...document });
  }

  /** What is wrong with an answer to an operation; empty when it is as the document says. */
  problemsOf(path: string, method: string, { status, headers, body }: HttpAnswer): readonly string[] {
    const listed = this.document.paths[path]?.[method]?.responses[String(status)];
    if (listed === undefined) return [`${method} ${path} has no status ${status}`];
    const answer = this.#resolved(listed) as unknown as Answer;
    const [type = ''] = (headers['content-type'] ?? '').split(';');
    const content = answer.content[type];
    if (content === undefined) return [`${method} ${path} ${status} has no ${type}`];
    const value: unknown = type.endsWith('json') ? JSON.parse(body) : body;
    return [...this.#misfits(content.schema, value, 'body'), ...this.#headerProblems(answer, headers)];
  }

  #headerProblems({ headers: listed }: Answer, headers: HttpAnswer['headers']): readonly string[] {
    const known = new Map(
      Object.entries(listed).map(([name, at]) => [name.toLowerCase(), this.#resolved(at)]),
    );
    const strangers = Object.keys(headers).filter(
      (name) => !known.has(name) && !ofTheConnection.includes(name),
    );
    const wrong = [...known].flatMap(([name, { required, schema }]) => {
      const value = headers[name];
      if (value === undefined) return required === true ? [`${name} is missing`] : [];
      const { type } = schema as { type?: string };
      return this.#misfits(schema as object, type === 'integer' ? Number(value) : value, name);
    });
    return [...wrong, ...strangers.map((name) => `${name} is not listed`)];
  }

  #misfits(schema: object, value: unknown, what: string): readonly string[] {
    const absolute = JSON.parse(
      JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"https://rkms.example/openapi#'),
    ) as object;
    const check = this.#ajv.compile(absolute);
    return check(value) ? [] : [`${what}: ${this.#ajv.errorsText(check.errors)}`];
  }

  #resolved(part: unknown): Record<string, unknown> {
    const { $ref } = part as { $ref?: string };
    if ($ref === undefined) return part as Record<string, unknown>;
    const steps = $ref.slice(2).split('/');
    const found = steps.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], this.document);
    return this.#resolved(found);
  }

  /** :: `get /key` -> what it may answer: `200`, or the kind of a problem */
  listed(): ReadonlyMap<string, ReadonlySet<string>> {
    const operations = Object.entries(this.document.paths).flatMap(([path, methods]) =>
      ['get', 'post'].flatMap((method) => {
        const operation = methods[method];
        if (operation === undefined) return [];
        const outcomes = Object.entries(operation.responses).flatMap(([status, answer]) =>
          this.#outcomesOf(status, this.#resolved(answer) as unknown as Answer),
        );
        return [[`${method} ${path}`, new Set(outcomes)] as const];
      }),
    );
    return new Map(operations);
  }

  #outcomesOf(status: string, { content }: Answer): readonly string[] {
    return Object.entries(content).flatMap(([type, { schema }]) => {
      if (type !== 'application/problem+json') return [`${status} ${type}`];
      const { allOf } = schema as {
        allOf: readonly { properties?: { type: { enum: readonly string[] } } }[];
      };
      return allOf.flatMap(({ properties }) => properties?.type.enum ?? []).map((urn) => `${status} ${urn}`);
    });
  }
}

/** An answer as `listed` tells it. */
export function outcomeOf({ status, headers, body }: HttpAnswer): string {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type !== 'application/problem+json') return `${status} ${type}`;
  return `${status} ${(JSON.parse(body) as { type: string }).type}`;
}
