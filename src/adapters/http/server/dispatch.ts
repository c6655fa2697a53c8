// What every HTTP interface of RKMS has in common: well-formed requests for known paths and methods only, authentication
// before anything of a request is used, and a route that says who may use it, or the service does not start.
import Router from '@koa/router';
import Koa, { type Context, type Middleware } from 'koa';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Socket } from 'node:net';
import type { Caller } from '../../../domain/access/caller.js';
import type { ConcurrencyLimit } from '../../../application/resilience/concurrency-limit.js';
import type { AuthenticationFailed } from '../../../domain/failures/key-failures.js';
import type { Authenticator, ClientCertificate, Credentials } from '../../../ports/authenticator.js';
import type { Clock } from '../../../ports/clock.js';
import type { RequestAnswered } from '../../../ports/telemetry.js';
import type { Tracer } from '../../../ports/tracer.js';
import { answerProblem } from './answers.js';
import type { HttpFailure } from './problems.js';
import { hasBody, requestScope } from './request-scope.js';
import type { RequestState } from './request-state.js';
import { parseTarget } from './request-target.js';

export type AppContext = Context & { readonly state: RequestState };

/** Authenticates the request once more, for answers that go on: whoever sees one may be refused meanwhile. */
export type Reauthenticate = () => ResultAsync<Caller, AuthenticationFailed>;

/** One path and method. Permissions are checked by the use case that a protected route calls. */
export type Route = {
  readonly path: string;
  /** The path as documents have it, where `path` is one of several: `/regions/{region}/drain`. */
  readonly template?: string;
  readonly method: 'GET' | 'POST';
} & (
  | { readonly access: 'public'; readonly handle: (ctx: AppContext) => Promise<void> | void }
  | {
      readonly access: 'authenticated';
      /** Whether requests come with a body, which the handler reads; all others must not. */
      readonly hasBody?: boolean;
      readonly handle: (ctx: AppContext, caller: Caller, again: Reauthenticate) => Promise<void> | void;
    }
);

export interface AppParts {
  readonly authenticator: Authenticator;
  /** The client certificate of a connection; absent where none is asked for. */
  readonly certificateOf?: ((socket: Socket) => ClientCertificate | undefined) | undefined;
  readonly clock: Clock;
  readonly onRequest: (answered: RequestAnswered) => void;
  /** Absent where nobody collects traces. */
  readonly tracer?: Tracer;
  /** Bounds what may be under way at once on protected routes; public ones answer always. */
  readonly inFlight?: ConcurrencyLimit;
}

/** Under load, callers come back at different times: 1 to 3 seconds, at random. */
export const retryAfterS = (clock: Clock): number => 1 + Math.floor(clock.random() * 3);

export function appOf(routes: readonly Route[], parts: AppParts): Koa {
  const app = new Koa();
  // Koa prints what goes wrong while a response is written: only a broken connection can, for all else is caught before.
  app.silent = true;
  app.use(requestScope(parts));
  app.use(checkRequest(routes));
  app.use(routerOf(routes, parts).routes());
  return app;
}

/** Lets only well-formed requests through, for known paths and their methods, with a body only where one belongs. */
function checkRequest(routes: readonly Route[]): Middleware {
  const methods = Map.groupBy(routes, ({ path }) => path);
  return (ctx, next) => {
    const checked = parseTarget(ctx.req.url ?? '').andThen(({ path }): Result<string, HttpFailure> => {
      if (!versions.includes(ctx.req.httpVersion)) return err({ kind: 'request.malformed' });
      if (!hasOneHost(ctx)) return err(hostMissing);
      if (ctx.req.rawHeaders.length > 2 * maxHeaders) return err(headersTooMany);
      const known = methods.get(path) ?? [];
      const [first] = known;
      if (first === undefined) return err({ kind: 'request.path-unknown' });
      (ctx.state as RequestState).route = first.template ?? path;
      const route = known.find(({ method }) => method === ctx.method);
      if (route === undefined) {
        ctx.set('Allow', known.map(({ method }) => method).join(', '));
        return err({ kind: 'request.method-not-allowed' });
      }
      return hasBody(ctx.req) && !('hasBody' in route) ? err({ kind: 'request.body-unexpected' }) : ok(path);
    });
    if (checked.isOk()) return next();
    answerProblem(ctx, checked.error);
    return Promise.resolve();
  };
}

/** Node's parser knows others too, and answers them as if they were these. */
const versions = ['1.0', '1.1'];

/** RFC 9112, 3.2: exactly one Host header; HTTP/1.0 may go without. */
function hasOneHost({ req }: Context): boolean {
  const hosts = req.headersDistinct['host']?.length ?? 0;
  return hosts === 1 || (hosts === 0 && req.httpVersion === '1.0');
}

/** Far more than any client sends; beyond 2,000 Node would drop some without a word. */
const maxHeaders = 100;
const headersTooMany: HttpFailure = {
  kind: 'request.headers-too-large',
  detail: `Send at most ${maxHeaders} headers.`,
};

const hostMissing: HttpFailure = { kind: 'request.malformed', detail: 'Send exactly one Host header.' };

const nothing = (): void => undefined;

function routerOf(routes: readonly Route[], parts: AppParts): Router {
  const router = new Router({ sensitive: true, strict: true });
  for (const route of routes) {
    router.register(route.path, [route.method], async (plain) => {
      const ctx = plain as AppContext;
      if (route.access === 'public') {
        await route.handle(ctx);
        return;
      }
      const slot = parts.inFlight?.take() ?? ok(undefined);
      if (slot.isErr()) {
        answerProblem(ctx, slot.error, retryAfterS(parts.clock));
        return;
      }
      ctx.res.once('close', slot.value ?? nothing);
      const again: Reauthenticate = () => parts.authenticator.authenticate(credentialsOf(ctx, parts));
      const caller = await again();
      if (caller.isErr()) {
        answerProblem(ctx, caller.error);
        return;
      }
      ctx.state.caller = caller.value.id;
      ctx.state.authentication = caller.value.method;
      await route.handle(ctx, caller.value, again);
    });
  }
  return router;
}

/** Node keeps only the first of several `Authorization` headers where they are not asked for one by one. */
const credentialsOf = ({ req }: Context, { certificateOf }: AppParts): Credentials => ({
  authorization: req.headersDistinct['authorization'] ?? [],
  certificate: certificateOf?.(req.socket),
});
