// The interface for callers: keys, and whether the service lives and is ready.
import type Koa from 'koa';
import type { Context } from 'koa';
import type { Result, ResultAsync } from 'neverthrow';
import type { ServedKey } from '../../application/get-data-key.js';
import type { GuardedKeys } from '../../application/guarded-keys.js';
import type { Caller } from '../../domain/caller.js';
import type { KeyId } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import { answerKey, answerProblem, answerText } from './answers.js';
import { parseKeyQuery, parseTarget } from './key-query.js';
import type { HttpFailure } from './problems.js';
import { appOf, type AppContext, type AppParts, type Route } from './routes.js';

export interface HttpSettings {
  /** How long a whole request may take, in milliseconds. */
  readonly requestTimeoutMs: number;
}

export interface HttpParts extends AppParts {
  readonly keys: GuardedKeys;
  readonly settings: HttpSettings;
  /** Whether new requests are welcome; false while the service stops. */
  readonly isReady: () => boolean;
}

export const createApp = (parts: HttpParts): Koa => appOf(keyRoutes(parts), parts);

/** All that callers can reach. */
export function keyRoutes(parts: HttpParts): readonly Route[] {
  const key = { method: 'GET', access: 'authenticated', handle: getKey(parts) } as const;
  return [
    { path: '/key', ...key },
    { path: '/api/v1/key', ...key },
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
  ];
}

const getKey =
  ({ keys, clock, settings }: HttpParts) =>
  async (ctx: AppContext, caller: Caller): Promise<void> => {
    const { requestId } = ctx.state;
    const bounds = boundsOf(ctx, clock, workTimeMs(settings.requestTimeoutMs));
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

const parsedId = (ctx: Context): Result<KeyId, HttpFailure> =>
  parseTarget(ctx.req.url ?? '').andThen(({ query }) => parseKeyQuery(query));

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

/** 1 to 3 seconds at random, so that callers who failed together do not come back together. */
const retryAfterS = (clock: Clock): number => 1 + Math.floor(clock.random() * 3);
