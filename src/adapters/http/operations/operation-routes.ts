// The routes of the operations listener: the state of the regions (once or as an event stream), draining and undraining
// them, and the metrics. Never gives out a key.
import type Koa from 'koa';
import { ok, Result, type ResultAsync } from 'neverthrow';
import { PassThrough } from 'node:stream';
import type { GuardedMetrics } from '../../../application/access/guarded-metrics.js';
import type { GuardedRegions } from '../../../application/access/guarded-regions.js';
import type { OperatorOrder, RegionReport } from '../../../application/regions/region-supervisor.js';
import type { Caller } from '../../../domain/access/caller.js';
import type { AccessDenied } from '../../../domain/access/access.js';
import type { Region } from '../../../domain/ids.js';
import { circuitOf } from '../../../domain/regions/region-state.js';
import type { Clock } from '../../../ports/clock.js';
import { answerEvents, answerJson, answerPage, answerProblem } from '../server/answers.js';
import { hasLeft } from '../server/request-facts.js';
import { interfaceRoute } from '../openapi/interface-route.js';
import {
  appOf,
  type Reauthenticate,
  type AppContext,
  type AppParts,
  type Route,
} from '../server/dispatch.js';

/** The regions of KMS or of the store, and the use cases that operators may call on them. */
export interface OperatedRegions {
  readonly guarded: GuardedRegions;
  readonly regions: readonly Region[];
}

export interface OperationsParts extends AppParts, OperatedRegions {
  /** Undefined unless the store is a DynamoDB table. */
  readonly store?: OperatedRegions;
  readonly metrics: GuardedMetrics;
}

const orders: readonly OperatorOrder[] = ['drain', 'undrain', 'lift-quarantine'];
/** A region of the store is never quarantined: each record is verified when it is read. */
const storeOrders: readonly OperatorOrder[] = ['drain', 'undrain'];

export function createOperationsApp(parts: OperationsParts): Koa {
  const routes = operationsRoutes(parts);
  return appOf(routes, parts, (path) => (isOfUnknownRegion(routes, path) ? unknownRegion : otherPaths));
}

const otherPaths = 'This listener has /regions, /metrics and /openapi.json. Keys are on another port.';
const unknownRegion = 'Unknown region. GET /regions lists the regions.';

/** True if the path would be one of the routes with another region. */
const isOfUnknownRegion = (routes: readonly Route[], path: string): boolean =>
  routes.some(({ template = '' }) => {
    const [before = '', after] = template.split('{region}');
    if (after === undefined || !path.startsWith(before) || !path.endsWith(after)) return false;
    const region = path.slice(before.length, path.length - after.length);
    return region !== '' && !region.includes('/');
  });

/** Every route of the operations listener. */
export function operationsRoutes(parts: OperationsParts): readonly Route[] {
  const commands = commandRoutes(parts, '', orders);
  const storeCommands = parts.store ? commandRoutes(parts.store, '/store', storeOrders) : [];
  const regions: Route = {
    path: '/regions',
    method: 'GET',
    access: 'authenticated',
    handle: getRegions(parts),
  };
  return [regions, ...commands, ...storeCommands, metricsRoute(parts.metrics), interfaceRoute];
}

const commandRoutes = (
  operated: OperatedRegions,
  prefix: string,
  allowed: readonly OperatorOrder[],
): readonly Route[] =>
  operated.regions.flatMap((region) =>
    allowed.map((order): Route => ({
      path: `${prefix}/regions/${region}/${order}`,
      template: `${prefix}/regions/{region}/${order}`,
      method: 'POST',
      access: 'authenticated',
      handle: command(operated, region, order),
    })),
  );

const metricsRoute = (metrics: GuardedMetrics): Route => {
  const route = { path: '/metrics', method: 'GET' } as const;
  return metrics.isPublic
    ? {
        ...route,
        access: 'public',
        handle: async (ctx) => {
          answerPage(ctx, await metrics.readPublicly());
        },
      }
    : {
        ...route,
        access: 'authenticated',
        handle: async (ctx, caller) => {
          const page = await metrics.read(caller);
          if (page.isOk()) answerPage(ctx, page.value);
          else answerProblem(ctx, page.error);
        },
      };
};

/** JSON, or a stream of server-sent events if the request accepts `text/event-stream`. */
const getRegions =
  (parts: OperationsParts) =>
  (ctx: AppContext, caller: Caller, again: Reauthenticate): void => {
    if (ctx.method === 'GET' && ctx.req.headers.accept?.includes('text/event-stream')) {
      streamRegions(ctx, parts, caller, again);
      return;
    }
    reportAll(parts, caller).match(
      (report) => {
        answerJson(ctx, report);
      },
      (failure) => {
        answerProblem(ctx, failure);
      },
    );
  };

/** The regions of KMS and, under `store` in the same form, those of the store; null for a store without regions. */
const reportAll = ({ guarded, store }: OperationsParts, caller: Caller): Result<object, AccessDenied> =>
  guarded
    .report(caller)
    .andThen((regions) =>
      store
        ? store.guarded.report(caller).map((ofStore) => ({ ...bodyOf(regions), store: bodyOf(ofStore) }))
        : ok({ ...bodyOf(regions), store: null }),
    );

function streamRegions(ctx: AppContext, parts: OperationsParts, caller: Caller, again: Reauthenticate): void {
  const stream = new PassThrough();
  const send = (): void => {
    // The reader is slower than the changes: it is disconnected, because a stream must not use memory without bound.
    if (stream.writableNeedDrain) ctx.req.socket.destroy();
    else
      reportAll(parts, caller).map((report) =>
        stream.write(`event: regions\ndata: ${JSON.stringify(report)}\n\n`),
      );
  };
  send();
  const sources = [parts.guarded, ...(parts.store ? [parts.store.guarded] : [])];
  const watching = Result.combine(sources.map((source) => source.watch(caller, send)));
  if (watching.isErr()) {
    answerProblem(ctx, watching.error);
    return;
  }
  const stopChecks = endWhenRefused(ctx, parts.clock, () => again().andThen((now) => reportAll(parts, now)));
  const end = (): void => {
    for (const stop of [stopChecks, ...watching.value]) stop();
  };
  if (hasLeft(ctx)) end();
  else ctx.res.once('close', end);
  answerEvents(ctx, stream);
}

/** How often the caller of a stream is authenticated again, in milliseconds. */
const reauthenticateMs = 2_000;

/** Closes a stream as soon as its caller would be refused. The returned function stops the checks. */
function endWhenRefused(
  ctx: AppContext,
  clock: Clock,
  authorise: () => ResultAsync<unknown, unknown>,
): () => void {
  let cancel: () => void = () => undefined;
  const check = (): void => {
    void authorise().match(later, () => ctx.req.socket.destroy());
  };
  const later = (): void => {
    if (!hasLeft(ctx)) cancel = clock.schedule(reauthenticateMs, check);
  };
  later();
  return () => {
    cancel();
  };
}

const command =
  ({ guarded }: OperatedRegions, region: Region, order: OperatorOrder) =>
  async (ctx: AppContext, caller: Caller): Promise<void> => {
    const { requestId } = ctx.state;
    const done = await guarded.command({ caller, requestId, region, order });
    if (done.isOk()) answerJson(ctx, bodyOf(done.value));
    else answerProblem(ctx, done.error);
  };

/** The public form of a report. `order` lists the regions in the order in which requests try them. */
const bodyOf = (regions: readonly RegionReport[]): object => ({
  order: regions.map(({ region }) => region),
  regions: regions.map(({ region, state, sinceMs, why, p50Ms, p95Ms, overQuota, transitions }) => ({
    region,
    state: state.kind,
    sinceS: Math.round(sinceMs / 1_000),
    why,
    circuit: circuitOf[state.kind],
    p50Ms: rounded(p50Ms),
    p95Ms: rounded(p95Ms),
    overQuota,
    transitions,
  })),
});

const rounded = (ms: number | undefined): number | null =>
  ms === undefined ? null : Math.round(ms * 10) / 10;
