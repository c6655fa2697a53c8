// The first good answer of several regions: they are tried in the selector's order, with hedges, and a second time where
// that may help. Also says why the preferred region did not give the answer. Never decides what an answer means.
import { errAsync, ResultAsync } from 'neverthrow';
import {
  afterVaultFailure,
  isConfigurationFault,
  type FailedAttempt,
} from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Effort, FailoverReason } from '../../ports/telemetry.js';
import type { RegionAnswer } from '../resilience/hedged-race.js';
import { pause } from '../resilience/with-deadline.js';
import type { RegionAct, RegionCalls } from './region-calls.js';

/** The first good answer, and what it took. */
export type AnswerWithEffort<T> = RegionAnswer<T> & Effort;

type HasCopy = (region: Region) => boolean;

/** One search for an answer. What it has taken so far is counted while it runs. */
interface Search<T> {
  readonly calls: RegionCalls;
  readonly act: RegionAct<T>;
  readonly signal: AbortSignal;
  attempts: number;
  hedged: boolean;
  readonly failed: Set<Region>;
}

/** Only regions for which `has` holds are called. Fails with every attempt, in the order in which they failed. */
export function firstAnswer<T>(
  calls: RegionCalls,
  act: RegionAct<T>,
  signal: AbortSignal,
  has: HasCopy = () => true,
): ResultAsync<AnswerWithEffort<T>, readonly FailedAttempt[]> {
  const search: Search<T> = { calls, act, signal, attempts: 0, hedged: false, failed: new Set() };
  calls.attempts.earnHedge();
  return onePass(search, has)
    .orElse((failures) => secondPass(search, has, failures))
    .map((answer) => {
      const { attempts, hedged, failed } = search;
      const failover = failoverReasonOf(calls, answer.region, failed, has);
      return { ...answer, attempts, hedged, ...(failover && { failover }) };
    });
}

function secondPass<T>(
  search: Search<T>,
  has: HasCopy,
  first: readonly FailedAttempt[],
): ResultAsync<RegionAnswer<T>, readonly FailedAttempt[]> {
  const { calls, signal } = search;
  const again = signal.aborted ? new Set() : worthRepeating(calls, first);
  if (again.size === 0) return errAsync(first);
  const { minPauseMs, maxPauseMs } = calls.settings;
  const pauseMs = minPauseMs + calls.clock.random() * (maxPauseMs - minPauseMs);
  return ResultAsync.fromSafePromise(pause(calls.clock, pauseMs, signal))
    .andThen(() => onePass(search, (region) => has(region) && again.has(region)))
    .mapErr((second) => [...first, ...second]);
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

function onePass<T>(search: Search<T>, has: HasCopy): ResultAsync<RegionAnswer<T>, readonly FailedAttempt[]> {
  const { calls, act, signal } = search;
  const vaults = inOrder(calls, has);
  const isShared = calls.selector.hasSharedFault(vaults.map(({ region }) => region));
  const candidates = vaults.map((vault) => ({
    region: vault.region,
    run: (own: AbortSignal, isHedge: boolean) => {
      search.attempts += 1;
      search.hedged ||= isHedge;
      return calls.call(vault, act, own, isHedge).mapErr((failure) => {
        // A call that was dropped because another answered first might have been answered too.
        if (failure.kind !== 'call.aborted') search.failed.add(vault.region);
        return failure;
      });
    },
  }));
  // When all regions refuse us for the same reason, the first that still does is enough.
  const after = (failure: FailedAttempt['failure']) =>
    isShared && isConfigurationFault(failure) ? 'stop' : afterVaultFailure(failure);
  return calls.attempts.race(candidates, { after, discard: act.discard }, signal);
}

const inOrder = ({ selector, vaults }: RegionCalls, has: HasCopy): readonly KeyVault[] =>
  selector
    .order()
    .filter(has)
    .flatMap((region) => vaults.find((vault) => vault.region === region) ?? []);

/** Why the preferred region alone would not have given the answer of `region`. */
function failoverReasonOf(
  calls: RegionCalls,
  region: Region,
  failed: ReadonlySet<Region>,
  has: HasCopy,
): FailoverReason | undefined {
  const [preferred] = calls.regions;
  if (preferred === undefined || preferred === region) return undefined;
  if (failed.has(preferred)) return 'failed';
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
