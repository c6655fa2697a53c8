// What both HTTP interfaces of RKMS share: checks of the request line and headers, the lookup of the route, and
// authentication. Never uses anything of a request before its caller is known, and never serves a route that does not
// state who may use it.
import Router, { type RouterContext } from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller } from '../../../domain/access/caller.js';
import type { AuthenticationFailed } from '../../../domain/failures/key-failures.js';
import type { Authenticator, ClientCertificate, Credentials } from '../../../ports/authenticator.js';
import type { Clock } from '../../../ports/clock.js';
import type { RequestAnswered } from '../../../ports/telemetry.js';
import type { Tracer } from '../../../ports/tracer.js';
import { answerProblem } from './answers.js';
import { authenticated } from './connections.js';
import type { RequestFailure } from './request-failures.js';
import { hasBody } from './request-facts.js';
import { requestScope } from './request-scope.js';
import { unknownRoute, type RequestState } from './request-state.js';
import { parseTarget } from './request-target.js';

export type AppContext = Context & { readonly state: RequestState };

/** Authenticates the request again, for event streams: the credential may be revoked while the stream is open. */
export type Reauthenticate = () => ResultAsync<Caller, AuthenticationFailed>;

/** One path and method. Permissions are checked by the use case that a protected route calls. */
export type Route = {
  readonly path: string;
  /** The documented form of the path, if it stands for several paths: `/regions/{region}/drain`. */
  readonly template?: string;
  readonly method: 'GET' | 'POST';
  /** HEAD works as GET without the body, except where GET may create something. */
  readonly refusesHead?: true;
} & (
  | { readonly access: 'public'; readonly handle: (ctx: AppContext) => Promise<void> | void }
  | {
      readonly access: 'authenticated';
      /** Requests have a body, which the handler reads. A body on any other route is refused. */
      readonly hasBody?: boolean;
      readonly handle: (ctx: AppContext, caller: Caller, again: Reauthenticate) => Promise<void> | void;
    }
);

export interface AppParts {
  readonly authenticator: Authenticator;
  /** The client certificate of a connection; undefined if the listener does not use TLS. */
  readonly certificateOf?: ((socket: Socket) => ClientCertificate | undefined) | undefined;
  readonly clock: Clock;
  readonly onRequest: (answered: RequestAnswered) => void;
  /** Undefined if no traces are collected. */
  readonly tracer?: Tracer;
}

/** `detailOf` says for an unknown path what to do, if the listener has no keys. */
export function appOf(
  routes: readonly Route[],
  parts: AppParts,
  detailOf?: (unknownPath: string) => string,
): Koa {
  const app = new Koa();
  // Koa prints errors of writing a response. Only a broken connection causes one; all other errors are caught before.
  app.silent = true;
  Object.assign(app, { handleRequest });
  app.use(requestScope(parts));
  app.use(checkRequest);
  app.use(routerOf(routes, parts).routes());
  app.use(refuseUnrouted(detailOf));
  return app;
}

/**
 * In place of Koa's own: that one watches each socket for errors and looks for an answer to write, a twentieth of the time of a
 * read. Here answers.ts writes answers, and nothing rejects but a bug in what records a request.
 */
const handleRequest = (ctx: Context, run: (ctx: Context) => Promise<void>): Promise<void> =>
  run(ctx).catch(() => {
    ctx.req.socket.destroy();
  });

const checkRequest: Middleware = (ctx, next) => {
  const target = parseTarget(ctx.req.url ?? '').andThrough(() => checkHeaders(ctx.req));
  if (target.isErr()) {
    answerProblem(ctx, target.error);
    return Promise.resolve();
  }
  // The router would otherwise use Koa's lenient parse of the target.
  (ctx as Partial<RouterContext>).newRouterPath = target.value.path;
  return next();
};

function checkHeaders(request: IncomingMessage): Result<void, RequestFailure> {
  if (!versions.includes(request.httpVersion)) return err({ kind: 'request.malformed' });
  if (!hasOneHost(request)) return err(hostMissing);
  return request.rawHeaders.length > 2 * maxHeaders ? err(headersTooMany) : ok();
}

/** Node's parser accepts other versions and treats them like these. */
const versions = ['1.0', '1.1'];

/** RFC 9112, 3.2: exactly one Host header; HTTP/1.0 may omit it. */
function hasOneHost({ headersDistinct, httpVersion }: IncomingMessage): boolean {
  const hosts = headersDistinct['host']?.length ?? 0;
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0');
}

/** More than any client sends. Node silently drops headers after 2,000. */
const maxHeaders = 100;
const headersTooMany: RequestFailure = {
  kind: 'request.headers-too-large',
  detail: `Send at most ${maxHeaders} headers.`,
};

const hostMissing: RequestFailure = { kind: 'request.malformed', detail: 'Send exactly one Host header.' };

/** The paths are literal: no part of a request reaches a handler as a parameter of its path. */
function routerOf(routes: readonly Route[], parts: AppParts): Router {
  const router = new Router({ sensitive: true, strict: true });
  for (const route of routes) {
    const { path, method, template = path } = route;
    const layer = router.register(path, [method], (ctx) => serve(ctx, route, parts), {
      name: template,
    });
    // The router itself would add HEAD to every GET.
    if (!(layer instanceof Router)) layer.methods = methodsOf(route);
  }
  return router;
}

const methodsOf = ({ method, refusesHead }: Route): string[] =>
  method === 'GET' && !refusesHead ? ['GET', 'HEAD'] : [method];

async function serve(ctx: AppContext, route: Route, parts: AppParts): Promise<void> {
  ctx.state.route = route.template ?? route.path;
  if (hasBody(ctx.req) && !('hasBody' in route)) {
    answerProblem(ctx, { kind: 'request.body-unexpected' });
    return;
  }
  if (route.access === 'public') {
    await route.handle(ctx);
    return;
  }
  const again: Reauthenticate = () => parts.authenticator.authenticate(credentialsOf(ctx, parts));
  const caller = await again();
  if (caller.isErr()) {
    answerProblem(ctx, caller.error);
    return;
  }
  ctx.req.socket.emit(authenticated);
  ctx.state.caller = caller.value.id;
  ctx.state.authentication = caller.value.method;
  await route.handle(ctx, caller.value, again);
}

/** The router found no route: it knows either no such path, or the path with other methods. */
const refuseUnrouted =
  (detailOf?: (unknownPath: string) => string): Middleware =>
  (ctx) => {
    const { matched = [], newRouterPath = '' } = ctx as Partial<RouterContext>;
    const [first] = matched;
    if (first === undefined) {
      const detail = detailOf?.(newRouterPath);
      answerProblem(ctx, { kind: 'request.path-unknown', ...(detail !== undefined && { detail }) });
      return;
    }
    (ctx.state as RequestState).route = first.name ?? unknownRoute;
    const allowed = matched.flatMap(({ methods }) => methods).join(', ');
    answerProblem(ctx, { kind: 'request.method-not-allowed' }, undefined, ['Allow', allowed]);
  };

/** `headersDistinct`, because `headers` keeps only the first of several `Authorization` headers. */
const credentialsOf = ({ req }: Context, { certificateOf }: AppParts): Credentials => ({
  authorization: req.headersDistinct['authorization'] ?? [],
  certificate: certificateOf?.(req.socket),
});
