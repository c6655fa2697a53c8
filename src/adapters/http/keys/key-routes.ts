// The interface for callers: keys, and whether the service lives and is ready.
import type Koa from 'koa';
import type { Context } from 'koa';
import { err, ResultAsync, type Result } from 'neverthrow';
import type { ServedKey } from '../../../application/keys/get-data-key.js';
import type { GuardedKeys } from '../../../application/access/guarded-keys.js';
import type { ConcurrencyLimit } from '../../../application/resilience/concurrency-limit.js';
import type { Caller } from '../../../domain/access/caller.js';
import type { KeyId } from '../../../domain/ids.js';
import type { Clock } from '../../../ports/clock.js';
import { answerProblem, answerText } from '../server/answers.js';
import { interfaceRoute } from '../openapi/interface-route.js';
import { checkMediaType, parseKeyJson, readBody } from './key-json.js';
import { parseKeyQuery } from './key-query.js';
import type { HttpFailure } from '../server/problems.js';
import type { RequestFailure } from '../server/request-failures.js';
import { appOf, retryAfterS, type AppContext, type AppParts, type Route } from '../server/dispatch.js';
import { parseTarget } from '../server/request-target.js';
import { answerKey } from './key-answer.js';

export interface HttpSettings {
  /** How long a whole request may take, in milliseconds. */
  readonly requestTimeoutMs: number;
}

export interface HttpParts extends AppParts {
  readonly keys: GuardedKeys;
  readonly settings: HttpSettings;
  /** Requests for keys that may be under way at once; those beyond it are refused. */
  readonly inFlight: ConcurrencyLimit;
  /** Whether new requests are welcome; false while the service stops. */
  readonly isReady: () => boolean;
}

export const createApp = (parts: HttpParts): Koa => appOf(keyRoutes(parts), parts);

/** All that callers can reach. */
export function keyRoutes(parts: HttpParts): readonly Route[] {
  return [
    ...['/key', '/api/v1/key'].flatMap((path) => keyRoutesAt(path, parts)),
    {
      path: '/livez',
      method: 'GET',
      access: 'public',
      handle: (ctx) => {
        answerText(ctx, 200, 'ok');
      },
    },
    {
      path: '/readyz',
      method: 'GET',
      access: 'public',
      handle: (ctx) => {
        if (parts.isReady()) answerText(ctx, 200, 'ok');
        else answerText(ctx, 503, 'not ready');
      },
    },
    interfaceRoute,
  ];
}

/** The id comes in the query, or in a body, which does not end up in the access logs on the way. */
const keyRoutesAt = (path: string, parts: HttpParts): readonly Route[] => [
  { path, method: 'GET', access: 'authenticated', handle: answerWithKey(parts, idInQuery) },
  { path, method: 'POST', access: 'authenticated', hasBody: true, handle: answerWithKey(parts, idInBody) },
];

type ReadId = (ctx: Context, clock: Clock, signal: AbortSignal) => ResultAsync<KeyId, RequestFailure>;

const answerWithKey =
  ({ keys, clock, settings }: HttpParts, readId: ReadId) =>
  async (ctx: AppContext, caller: Caller): Promise<void> => {
    const { requestId } = ctx.state;
    const bounds = boundsOf(ctx, clock, workTimeMs(settings.requestTimeoutMs));
    let served: Result<ServedKey, HttpFailure>;
    try {
      served = await readId(ctx, clock, bounds.signal).andThen((id): ResultAsync<ServedKey, HttpFailure> =>
        keys.get({ caller, id, requestId }, bounds.signal),
      );
    } finally {
      bounds.release();
    }
    if (served.isOk()) answerKey(ctx, served.value);
    else answerProblem(ctx, served.error, retryAfterS(clock));
  };

const queryOf = (ctx: Context): Result<string | undefined, RequestFailure> =>
  parseTarget(ctx.req.url ?? '').map(({ query }) => query);

const idInQuery: ReadId = (ctx) => queryOf(ctx).andThen(parseKeyQuery).asyncMap(resolved);

const idInBody: ReadId = (ctx, clock, signal) =>
  queryOf(ctx)
    .andThen((query) => (query === undefined ? checkMediaType(ctx.req) : err(queryUnexpected)))
    .asyncAndThen(() => new ResultAsync(bodyInTime(ctx, clock, signal)))
    .andThen(parseKeyJson);

/** Whoever needs longer for one short body holds the connection open for its own sake (ms). */
const bodyTimeMs = 5_000;

async function bodyInTime(
  ctx: Context,
  clock: Clock,
  signal: AbortSignal,
): Promise<Result<Buffer, RequestFailure>> {
  const bounds = boundsOf(ctx, clock, bodyTimeMs);
  try {
    return await readBody(ctx.req, AbortSignal.any([signal, bounds.signal]));
  } finally {
    bounds.release();
  }
}

const queryUnexpected: RequestFailure = {
  kind: 'request.parameter-unknown',
  detail: 'Name the key in the body alone: a POST request has no query.',
};

const resolved = <T>(value: T): Promise<T> => Promise.resolve(value);

/** With less than this left of a request's time no more work is worth doing: what is left is for the answer (ms). */
const answerReserveMs = 100;

/** The part of a request's time in which its work must end. */
const workTimeMs = (requestTimeoutMs: number): number =>
  Math.max(requestTimeoutMs - answerReserveMs, requestTimeoutMs / 2);

/** Fires when the caller is gone or the time for the work is over. */
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
