// The first good answer of several regions: they are tried in the selector's order, with hedges, and a second time where
// that may help. Also says why the preferred region did not give the answer. Never decides what an answer means.
import { err, ok, type Result } from 'neverthrow';
import {
  afterVaultFailure,
  isConfigurationFault,
  type FailedAttempt,
  type VaultFailure,
} from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { Effort, FailoverReason } from '../../ports/telemetry.js';
import type { RaceResult, RegionAnswer } from '../resilience/hedged-race.js';
import { pause } from '../../domain/pause.js';
import type { RegionAct, RegionCalls } from './region-calls.js';

/** The first good answer, and what it took; `failures` are those of the regions that failed before it. */
export type AnswerWithEffort<T> = RegionAnswer<T> & Effort & { readonly failures: readonly FailedAttempt[] };

type HasCopy = (region: Region) => boolean;

/** One search for an answer. What it has taken so far is counted while it runs. */
interface Search<T> {
  readonly calls: RegionCalls;
  readonly act: RegionAct<T>;
  readonly signal: AbortSignal;
  attempts: number;
  hedged: boolean;
  readonly failures: FailedAttempt[];
  /** Regions that took longer than an attempt may. */
  readonly overdue: Region[];
}

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };

/** Only regions for which `has` holds are called. Fails with every attempt, in the order in which they failed. */
export async function firstAnswer<T>(
  calls: RegionCalls,
  act: RegionAct<T>,
  signal: AbortSignal,
  has: HasCopy = () => true,
): Promise<Result<AnswerWithEffort<T>, readonly FailedAttempt[]>> {
  const search: Search<T> = { calls, act, signal, attempts: 0, hedged: false, failures: [], overdue: [] };
  calls.attempts.earnHedge();
  const result = await race(search, has);
  if (result.isErr()) return err(result.error);
  const { region, value } = result.value;
  const { attempts, hedged, failures } = search;
  const failover = failoverReasonOf(search, region, has);
  return ok({ region, value, attempts, hedged, failures, ...(failover && { failover }) });
}

/** The regions to try a second time, after a pause: those that failed in passing, and those that are still silent. */
async function secondPass<T>(
  { calls, signal, overdue }: Search<T>,
  has: HasCopy,
  failures: readonly FailedAttempt[],
): Promise<readonly Region[]> {
  const silent = overdue.map((region) => ({ region, failure: timedOut }));
  const again = signal.aborted ? new Set() : worthRepeating(calls, [...failures, ...silent]);
  if (again.size === 0) return [];
  const { minPauseMs, maxPauseMs } = calls.settings;
  await pause(calls.clock, minPauseMs + calls.clock.random() * (maxPauseMs - minPauseMs), signal);
  return calls.selector.order().filter((region) => has(region) && again.has(region));
}

/**
 * The regions in which a second pass may help: those whose failure is temporary, unless one failure was final. A region
 * that throttles is called again only while it is not over quota.
 */
function worthRepeating({ selector }: RegionCalls, failures: readonly FailedAttempt[]): ReadonlySet<Region> {
  if (failures.some(({ failure }) => afterVaultFailure(failure) === 'stop')) return new Set();
  const temporary = failures.filter(
    ({ region, failure: { kind } }) =>
      kind === 'region.unavailable' || (kind === 'region.throttled' && !selector.isOverQuota(region)),
  );
  return new Set(temporary.map(({ region }) => region));
}

function race<T>(search: Search<T>, has: HasCopy): Promise<RaceResult<T>> {
  const { calls, act, signal } = search;
  const order = calls.selector.order().filter((region) => has(region) && calls.regions.includes(region));
  const isShared = calls.selector.hasSharedFault(order);
  // When all regions refuse us for the same reason, the first that still does is enough.
  const after = (failure: VaultFailure) =>
    isShared && isConfigurationFault(failure) ? 'stop' : afterVaultFailure(failure);
  const nextRound = (failures: readonly FailedAttempt[]) => secondPass(search, has, failures);
  const call = (region: Region, own: AbortSignal, isHedge: boolean, onOverdue: () => void) =>
    callIn(search, region, own, isHedge, onOverdue);
  return calls.attempts.race(order, { call, after, nextRound, discard: act.discard }, signal);
}

async function callIn<T>(
  search: Search<T>,
  region: Region,
  signal: AbortSignal,
  isHedge: boolean,
  onOverdue: () => void,
): Promise<Result<T, VaultFailure>> {
  const { calls, act, failures, overdue } = search;
  search.attempts += 1;
  search.hedged ||= isHedge;
  const noteOverdue = (): void => {
    overdue.push(region);
    onOverdue();
  };
  const result = await calls.call(calls.vaultIn(region), act, signal, isHedge, noteOverdue);
  // A call that was dropped because another answered first might have been answered too.
  if (result.isErr() && result.error.kind !== 'call.aborted')
    failures.push({ region, failure: result.error });
  return result;
}

/** Why the preferred region alone would not have given the answer of `region`. */
function failoverReasonOf<T>(
  { calls, failures, overdue }: Search<T>,
  region: Region,
  has: HasCopy,
): FailoverReason | undefined {
  const [preferred] = calls.regions;
  if (preferred === undefined || preferred === region) return undefined;
  if (overdue.includes(preferred) || failures.some((each) => each.region === preferred)) return 'failed';
  if (!has(preferred)) return 'no-copy';
  return isKnownDown(calls, preferred) ? 'ejected' : undefined;
}

/** Why the preferred region alone could not have held a new key, when `missing` could not be proven to hold it. */
export function failoverWithout(calls: RegionCalls, missing: readonly Region[]): FailoverReason | undefined {
  const [preferred] = calls.regions;
  if (preferred === undefined || !missing.includes(preferred)) return undefined;
  if (isKnownDown(calls, preferred)) return 'ejected';
  return calls.selector.isDrained(preferred) ? undefined : 'failed';
}

/** A region that an operator drained is ejected without a fault of its own. */
const isKnownDown = ({ selector }: RegionCalls, region: Region): boolean =>
  selector.isEjected(region) && !selector.isDrained(region);
