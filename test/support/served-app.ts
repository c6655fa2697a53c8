// The HTTP app in this process, over real sockets: the real application on scripted regions and a watched store, in
// virtual time, with callers of every sort.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Context } from 'koa';
import { createApp } from '../../src/adapters/http/keys/key-routes.js';
import type { RefusalReason } from '../../src/adapters/http/server/admission.js';
import { defaultLimits, type ConnectionLimits } from '../../src/adapters/http/server/connections.js';
import { listen, type RunningServer } from '../../src/adapters/http/server/server.js';
import { makeBearerToken } from '../../src/adapters/tokens/bearer-token.js';
import type { Tls } from '../../src/adapters/http/tls/tls.js';
import { TokenAuthenticator } from '../../src/adapters/tokens/token-authenticator.js';
import type { StoredToken } from '../../src/adapters/tokens/stored-token.js';
import { ConcurrencyLimit } from '../../src/application/resilience/concurrency-limit.js';
import type { Permission } from '../../src/domain/access/caller.js';
import type { Authenticator } from '../../src/ports/authenticator.js';
import { untraced } from '../../src/application/resilience/spans.js';
import type { Tracer } from '../../src/ports/tracer.js';
import type { RequestAnswered } from '../../src/ports/telemetry.js';
import { idPattern } from './callers.js';
import { ask, type HttpAnswer, type HttpQuestion } from './http-client.js';
import { callerId } from './names.js';
import { VirtualService } from './virtual-service.js';

export const requestTimeoutMs = 2_000;

interface ServedParts {
  /** With it the app speaks TLS. */
  readonly tls?: Tls;
  /** In place of the one that knows the tokens of `bearer`; gets that one. */
  readonly authenticator?: (tokens: Authenticator) => Authenticator;
  /** Who is told what happens inside what. */
  readonly tracer?: Tracer;
  /** How many requests for keys may be under way at once. */
  readonly maxInFlight?: number;
  /** How many records its cache keeps; none unless given. */
  readonly cachedRecords?: number;
  readonly limits?: Partial<ConnectionLimits>;
}

export class ServedApp {
  readonly service: VirtualService;
  /** One line per finished request. */
  readonly lines: RequestAnswered[] = [];
  /** What the app gave out to be written, before it was wiped: bodies that hold keys are Buffers. */
  readonly bodies: unknown[] = [];
  /** Why connections were closed that went beyond a limit. */
  readonly refusals: RefusalReason[] = [];
  /** How many requests have begun whose response is not closed. */
  inFlight = 0;
  ready = true;
  /** The gauge `rkms_requests_in_flight` reads this. */
  slots = new ConcurrencyLimit(0);
  /** Called with the context of each request before anything else happens to it. */
  onContext: (ctx: Context) => void = () => undefined;
  readonly #tokens = new Map<string, StoredToken>();
  #server: RunningServer | undefined;
  #url = '';

  private constructor(private readonly parts: ServedParts) {
    this.service = new VirtualService(2, parts.tracer);
    this.service.cachedRecords = parts.cachedRecords ?? 0;
  }

  /** Serves on a free port; the store has its genesis record. */
  static async start(parts: ServedParts = {}): Promise<ServedApp> {
    const served = new ServedApp(parts);
    await served.service.initialise();
    await served.#listen();
    return served;
  }

  get url(): string {
    return this.#server?.url ?? this.#url;
  }

  /** A new token with these permissions, for every id, as the `Authorization` header carries it. */
  bearer(...allow: readonly Permission[]): string {
    return this.bearerFor(['**'], ...allow);
  }

  /** The same for the ids of these patterns. */
  bearerFor(ids: readonly string[], ...allow: readonly Permission[]): string {
    const { publicId, secretDigest, text } = makeBearerToken();
    const caller = callerId(`with.${allow.join('.')}.`);
    const rights = { permissions: new Set(allow), ids: ids.map(idPattern) };
    this.#tokens.set(publicId, { publicId, secretDigest, caller, ...rights, notBeforeMs: 0 });
    return `Bearer ${text}`;
  }

  ask(question: HttpQuestion): Promise<HttpAnswer> {
    return ask(this.url, question);
  }

  /** Asks for a key with a token that may do everything. */
  get(target: string, headers: OutgoingHttpHeaders = {}): Promise<HttpAnswer> {
    return this.ask({ target, headers: { authorization: this.bearer('read', 'create'), ...headers } });
  }

  /** What reached the parts behind the app: calls to vaults, calls to the store, audit entries. */
  get touched(): { readonly vaults: number; readonly store: readonly string[]; readonly audited: number } {
    const { vaultCallCount, store, audit } = this.service;
    return { vaults: vaultCallCount, store: store.calls, audited: audit.entries.length };
  }

  /** Lets requests that run finish for at most `graceMs`. */
  async stop(graceMs = 0): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#url = server?.url ?? this.#url;
    await server?.stop(graceMs);
  }

  async #listen(): Promise<void> {
    const { clock } = this.service;
    const {
      tls,
      authenticator = (own: Authenticator): Authenticator => own,
      maxInFlight = 1_000,
    } = this.parts;
    const tokens = new TokenAuthenticator({ find: (id) => this.#tokens.get(id) }, clock);
    const app = createApp({
      keys: this.service.guarded(),
      authenticator: authenticator(tokens),
      certificateOf: tls && ((socket) => tls.certificateOf(socket)),
      clock,
      settings: { requestTimeoutMs },
      inFlight: (this.slots = new ConcurrencyLimit(maxInFlight)),
      isReady: () => this.ready,
      onRequest: (line) => this.lines.push(line),
      tracer: this.parts.tracer ?? untraced,
    });
    app.middleware.unshift(async (ctx, next) => {
      this.onContext(ctx);
      this.inFlight += 1;
      ctx.res.once('close', () => (this.inFlight -= 1));
      const end = ctx.res.end.bind(ctx.res) as (body?: unknown) => ServerResponse;
      ctx.res.end = (body?: unknown): ServerResponse => {
        this.bodies.push(body);
        return end(body);
      };
      await next();
    });
    // All connections of a test come from one address.
    const limits = { ...defaultLimits, maxConnectionsPerAddress: 1_000, ...this.parts.limits };
    const onRefused = (reason: RefusalReason): void => {
      this.refusals.push(reason);
    };
    this.#server = await listen(app, { host: '127.0.0.1', port: 0, limits, onRefused }, 'server', tls);
  }
}

export const nothingTouched = { vaults: 0, store: [], audited: 0 };
