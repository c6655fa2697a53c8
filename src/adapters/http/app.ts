// The HTTP interface: routes, and what every answer has in common. Authentication comes before anything of a request is
// read, and a route says who may use it, or the service does not start.
import Router from '@koa/router';
import Koa, { type Context } from 'koa';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { ServedKey } from '../../application/get-data-key.js';
import type { GuardedKeys } from '../../application/guarded-keys.js';
import type { Caller } from '../../domain/caller.js';
import type { Authenticator } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';
import { answerKey, answerProblem, answerText } from './answers.js';
import { parseKeyQuery, parseTarget } from './key-query.js';
import type { HttpFailure } from './problems.js';
import { requestScope } from './request-scope.js';
import type { RequestLine, RequestState } from './request-state.js';

export interface HttpSettings {
  /** How long a whole request may take, in milliseconds. */
  readonly requestTimeoutMs: number;
}

export interface HttpParts {
  readonly keys: GuardedKeys;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly settings: HttpSettings;
  /** Whether new requests are welcome; false while the service stops. */
  readonly isReady: () => boolean;
  readonly onRequest: (line: RequestLine) => void;
}

type AppContext = Context & { readonly state: RequestState };

interface Route {
  readonly paths: readonly string[];
  readonly access: 'public' | 'authenticated';
  readonly handle: (ctx: AppContext, caller: Caller | undefined) => Promise<void> | void;
}

export function createApp(parts: HttpParts): Koa {
  const app = new Koa();
  // Koa prints what goes wrong while a response is written: only a broken connection can, for all else is caught before.
  app.silent = true;
  const routes: readonly Route[] = [
    { paths: ['/key', '/api/v1/key'], access: 'authenticated', handle: getKey(parts) },
    {
      paths: ['/livez'],
      access: 'public',
      handle: (ctx) => {
        answerText(ctx, 200, 'ok');
      },
    },
    {
      paths: ['/readyz'],
      access: 'public',
      handle: (ctx) => {
        if (parts.isReady()) answerText(ctx, 200, 'ok');
        else answerText(ctx, 503, 'not ready');
      },
    },
  ];
  app.use(requestScope(parts));
  app.use(checkRequest(routes));
  app.use(routerOf(routes, parts.authenticator).routes());
  return app;
}

/** Lets only well-formed GET requests for known paths through. */
const checkRequest =
  (routes: readonly Route[]): Koa.Middleware =>
  (ctx, next) => {
    const known = new Set(routes.flatMap(({ paths }) => paths));
    const checked = parseTarget(ctx.req.url ?? '').andThen(({ path }): Result<string, HttpFailure> => {
      if (!hasOneHost(ctx)) return err(hostMissing);
      if (!known.has(path)) return err({ kind: 'request.path-unknown' });
      if (ctx.method !== 'GET') return err({ kind: 'request.method-not-allowed' });
      return hasBody(ctx) ? err({ kind: 'request.body-unexpected' }) : ok(path);
    });
    if (checked.isOk()) return next();
    answerProblem(ctx, checked.error);
    return Promise.resolve();
  };

/** RFC 9112, 3.2: exactly one Host header; HTTP/1.0 may go without. */
function hasOneHost({ req }: Context): boolean {
  const hosts = req.headersDistinct['host']?.length ?? 0;
  return hosts === 1 || (hosts === 0 && req.httpVersion === '1.0');
}

const hostMissing: HttpFailure = { kind: 'request.malformed', detail: 'Send exactly one Host header.' };

const hasBody = (ctx: Context): boolean =>
  ctx.req.headers['transfer-encoding'] !== undefined || Number(ctx.req.headers['content-length'] ?? 0) !== 0;

function routerOf(routes: readonly Route[], authenticator: Authenticator): Router {
  const router = new Router({ sensitive: true, strict: true });
  for (const { paths, access, handle } of routes) {
    router.get([...paths], async (plain) => {
      const ctx = plain as AppContext;
      if (access === 'public') return handle(ctx, undefined);
      const caller = await authenticator.authenticate({ authorization: ctx.req.headers.authorization });
      if (caller.isErr()) {
        answerProblem(ctx, caller.error);
        return;
      }
      ctx.state.caller = caller.value.id;
      await handle(ctx, caller.value);
    });
  }
  return router;
}

const getKey =
  ({ keys, clock, settings }: HttpParts) =>
  async (ctx: AppContext, caller: Caller | undefined): Promise<void> => {
    if (caller === undefined) throw new Error('the route of keys must be authenticated');
    const { requestId } = ctx.state;
    const bounds = boundsOf(ctx, clock, settings.requestTimeoutMs);
    let served: Result<ServedKey, HttpFailure>;
    try {
      served = await parsedId(ctx).asyncAndThen((id): ResultAsync<ServedKey, HttpFailure> => {
        ctx.state.id = id;
        return keys.get({ caller, id, requestId }, bounds.signal);
      });
    } finally {
      bounds.release();
    }
    if (served.isOk()) answerKey(ctx, served.value);
    else answerProblem(ctx, served.error, retryAfterS(clock));
  };

const parsedId = (ctx: Context) =>
  parseTarget(ctx.req.url ?? '').andThen(({ query }) => parseKeyQuery(query));

/** Fires when the caller is gone or the time for the whole request is over. */
function boundsOf(
  ctx: Context,
  clock: Clock,
  timeoutMs: number,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  const cancelTimer = clock.schedule(timeoutMs, abort);
  ctx.res.once('close', abort);
  const release = (): void => {
    cancelTimer();
    ctx.res.off('close', abort);
  };
  return { signal: controller.signal, release };
}

/** 1 to 3 seconds at random, so that callers who failed together do not come back together. */
const retryAfterS = (clock: Clock): number => 1 + Math.floor(clock.random() * 3);
