// The routes of the key listener: keys and health checks. Parses the id, sets the deadline of the request, and answers.
// Decides nothing about permissions: GuardedKeys does.
import type Koa from 'koa';
import type { Context } from 'koa';
import { err, type Result } from 'neverthrow';
import type { ServedKey } from '../../../application/keys/served-key.js';
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
import { appOf, type AppContext, type AppParts, type Route } from '../server/dispatch.js';
import { parseTarget } from '../server/request-target.js';
import { answerKey } from './key-answer.js';
import { RequestBounds } from './request-bounds.js';

export interface HttpSettings {
  /** The deadline of a request, in milliseconds. */
  readonly requestTimeoutMs: number;
}

export interface HttpParts extends AppParts {
  readonly keys: GuardedKeys;
  readonly settings: HttpSettings;
  /** Limits the requests for keys in flight; further requests get 503. */
  readonly inFlight: ConcurrencyLimit;
  /** False while the service stops or its audit log cannot be written. */
  readonly isReady: () => boolean;
  /** Whether the store is known to be one in which keys may be created. Without it, it is. */
  readonly mayCreate?: () => boolean;
}

export const createApp = (parts: HttpParts): Koa => appOf(keyRoutes(parts), parts);

/** Every route of the key listener. */
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
        if (!parts.isReady()) answerText(ctx, 503, 'not ready');
        else answerText(ctx, 200, parts.mayCreate?.() === false ? 'ok, but no key is created' : 'ok');
      },
    },
    interfaceRoute,
  ];
}

/** GET has the id in the query; POST in the body, which keeps it out of access logs. */
const keyRoutesAt = (path: string, parts: HttpParts): readonly Route[] => [
  {
    path,
    method: 'GET',
    refusesHead: true,
    access: 'authenticated',
    handle: answerWithKey(parts, idInQuery),
  },
  { path, method: 'POST', access: 'authenticated', hasBody: true, handle: answerWithKey(parts, idInBody) },
];

type ReadId = (
  ctx: Context,
  clock: Clock,
  signal: AbortSignal,
) => Result<KeyId, RequestFailure> | Promise<Result<KeyId, RequestFailure>>;

const answerWithKey =
  ({ keys, clock, settings, inFlight }: HttpParts, readId: ReadId) =>
  async (ctx: AppContext, caller: Caller): Promise<void> => {
    const { requestId } = ctx.state;
    const slot = inFlight.take();
    if (slot.isErr()) {
      answerProblem(ctx, slot.error, retryAfterS(clock));
      return;
    }
    const bounds = new RequestBounds(ctx, clock, settings.requestTimeoutMs, slot.value);
    let served: Result<ServedKey, HttpFailure>;
    try {
      const id = await readId(ctx, clock, bounds.signal);
      served = id.isErr()
        ? err(id.error)
        : await keys.get({ caller, id: id.value, requestId }, bounds.signal);
    } finally {
      bounds.workEnded();
    }
    if (served.isOk()) answerKey(ctx, served.value);
    else answerProblem(ctx, served.error, retryAfterS(clock));
  };

/** Callers that were refused under load come back at different times: after 1 to 3 seconds, at random. */
const retryAfterS = (clock: Clock): number => 1 + Math.floor(clock.random() * 3);

const queryOf = (ctx: Context): Result<string | undefined, RequestFailure> =>
  parseTarget(ctx.req.url ?? '').map(({ query }) => query);

const idInQuery: ReadId = (ctx) => queryOf(ctx).andThen(parseKeyQuery);

const idInBody: ReadId = async (ctx, clock, signal) => {
  const fit = queryOf(ctx).andThen((query) =>
    query === undefined ? checkMediaType(ctx.req) : err(queryUnexpected),
  );
  if (fit.isErr()) return err(fit.error);
  const body = await bodyInTime(ctx, clock, signal);
  return body.andThen(parseKeyJson);
};

/** Milliseconds for a body of at most 1,024 bytes. A slower client only occupies the connection. */
const bodyTimeMs = 5_000;

async function bodyInTime(
  ctx: Context,
  clock: Clock,
  signal: AbortSignal,
): Promise<Result<Buffer, RequestFailure>> {
  const late = new AbortController();
  const cancelTimer = clock.schedule(bodyTimeMs, () => {
    late.abort();
  });
  try {
    return await readBody(ctx.req, AbortSignal.any([signal, late.signal]));
  } finally {
    cancelTimer();
  }
}

const queryUnexpected: RequestFailure = {
  kind: 'request.parameter-unknown',
  detail: 'Send the id only in the body: a POST request has no query.',
};
