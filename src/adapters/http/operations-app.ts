// The interface for operators, on a listener of its own: how the regions are, now or as they change, and taking one out of
// use or back. No key can be had here.
import type Koa from 'koa';
import { PassThrough } from 'node:stream';
import type { GuardedRegions } from '../../application/guarded-regions.js';
import type { OperatorOrder, RegionReport } from '../../application/region-supervisor.js';
import type { Caller } from '../../domain/caller.js';
import type { Region } from '../../domain/ids.js';
import { answerJson, answerProblem } from './answers.js';
import { appOf, type AppContext, type AppParts, type Route } from './routes.js';

export interface OperationsParts extends AppParts {
  readonly guarded: GuardedRegions;
  readonly regions: readonly Region[];
}

const orders: readonly OperatorOrder[] = ['drain', 'undrain', 'lift-quarantine'];

export const createOperationsApp = (parts: OperationsParts): Koa => appOf(operationsRoutes(parts), parts);

/** All that operators can reach. */
export function operationsRoutes(parts: OperationsParts): readonly Route[] {
  const commands = parts.regions.flatMap((region) =>
    orders.map((order): Route => ({
      path: `/regions/${region}/${order}`,
      method: 'POST',
      access: 'authenticated',
      handle: command(parts, region, order),
    })),
  );
  const regions: Route = {
    path: '/regions',
    method: 'GET',
    access: 'authenticated',
    handle: getRegions(parts),
  };
  return [regions, ...commands];
}

/** As JSON, or as a stream of server-sent events for whoever accepts `text/event-stream`. */
const getRegions =
  ({ guarded }: OperationsParts) =>
  (ctx: AppContext, caller: Caller): void => {
    if (ctx.req.headers.accept?.includes('text/event-stream')) {
      streamRegions(ctx, guarded, caller);
      return;
    }
    guarded.report(caller).match(
      (regions) => {
        answerJson(ctx, bodyOf(regions));
      },
      (failure) => {
        answerProblem(ctx, failure);
      },
    );
  };

function streamRegions(ctx: AppContext, guarded: GuardedRegions, caller: Caller): void {
  const stream = new PassThrough();
  const send = (regions: readonly RegionReport[]): void => {
    stream.write(`event: regions\ndata: ${JSON.stringify(bodyOf(regions))}\n\n`);
  };
  const watching = guarded.report(caller).andThen((regions) => {
    send(regions);
    return guarded.watch(caller, send);
  });
  if (watching.isErr()) {
    answerProblem(ctx, watching.error);
    return;
  }
  ctx.res.once('close', watching.value);
  ctx.status = 200;
  ctx.type = 'text/event-stream';
  ctx.body = stream;
}

const command =
  ({ guarded }: OperationsParts, region: Region, order: OperatorOrder) =>
  async (ctx: AppContext, caller: Caller): Promise<void> => {
    const { requestId } = ctx.state;
    const done = await guarded.command({ caller, requestId, region, order });
    if (done.isOk()) answerJson(ctx, bodyOf(done.value));
    else answerProblem(ctx, done.error);
  };

/** What leaves the service of a report: `order` lists the regions as requests try them. */
const bodyOf = (regions: readonly RegionReport[]): object => ({
  order: regions.map(({ region }) => region),
  regions: regions.map(({ region, state, sinceMs, why, p50Ms, p95Ms, overQuota, transitions }) => ({
    region,
    state: state.kind,
    sinceS: Math.round(sinceMs / 1_000),
    why,
    circuit: circuits[state.kind],
    p50Ms: rounded(p50Ms),
    p95Ms: rounded(p95Ms),
    overQuota,
    transitions,
  })),
});

const circuits = {
  healthy: 'closed',
  degraded: 'closed',
  recovering: 'closed',
  'half-open': 'half-open',
  open: 'open',
  misconfigured: 'open',
  quarantined: 'open',
  drained: 'open',
} as const satisfies Record<RegionReport['state']['kind'], string>;

const rounded = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
