// What must hold, and whether it did.
import type { LongRun } from './long-runs.js';
import type { Measured } from './measure.js';
import type { Recovery } from './recovery.js';

export interface Verdict {
  /** What it is about: a way to fail, or a long run. */
  readonly about: string;
  /** Names the cell of the table. */
  readonly cell: string;
  readonly bound: string;
  readonly value: string;
  readonly holds: boolean;
}

const bounds = {
  addedMs: 250,
  addedOnceDetectedMs: 20,
  detectedWithinMs: 1_000,
  detectedWithinCalls: 5,
  recoveredWithinMs: 30_000,
  rightShareOfTwo: 0.999,
  rightShareOfMany: 0.99999,
  callsHealthy: 1.05,
  callsInOutage: 1.3,
  /** What a heap may differ by after 100,000 reads without growing: caches of a fixed size fill, code is compiled. */
  heapGrowth: 8 * 1_024 * 1_024,
  rssGrowth: 0.15,
  socketGrowth: 10,
};

type Check = (cell: string, holds: boolean, bound: string, value: string) => Verdict;
const checkOf =
  (about: string): Check =>
  (cell, holds, bound, value) => ({ about, cell, holds, bound, value });

const percent = (share: number): string => `${(share * 100).toFixed(3)} %`;
const ms = (value: number): string => `${value.toFixed(1)} ms`;
const statuses = (failed: readonly number[]): string =>
  failed.length === 0 ? '' : ` (${failed.length} failed, with status ${[...new Set(failed)].join(', ')})`;

export function verdictsOf(measured: Measured): readonly Verdict[] {
  const { says, healthy, one, two, detection, creation, oneRecovery, twoRecovery } = measured;
  const check = checkOf(says);
  const steady = detection?.p99Ms ?? one.steadyP99Ms;
  const mostMs = healthy.p99Ms + bounds.addedMs;
  const mostSteadyMs = healthy.steadyP99Ms + bounds.addedOnceDetectedMs;
  const calls = (cell: string, value: number, most: number): Verdict =>
    check(cell, value <= most, `at most ${most} calls per read`, value.toFixed(3));
  return [
    check(
      'healthy.right',
      healthy.rightShare === 1,
      'all reads succeed when healthy',
      percent(healthy.rightShare),
    ),
    calls('healthy.calls', healthy.callsPerRead, bounds.callsHealthy),
    check(
      'one.right',
      one.rightShare === 1,
      'all reads succeed',
      percent(one.rightShare) + statuses(one.failedStatuses),
    ),
    check(
      'one.p99',
      one.p99Ms <= mostMs,
      `p99 from the first request on at most ${ms(mostMs)}`,
      ms(one.p99Ms),
    ),
    check('one.steady', steady <= mostSteadyMs, `p99 once detected at most ${ms(mostSteadyMs)}`, ms(steady)),
    calls('one.calls', one.callsPerRead, bounds.callsInOutage),
    ...(detection ? [detected(check, detection.afterMs, detection.afterCalls)] : []),
    recovered(check, 'one.recovery', oneRecovery),
    check(
      'two.right',
      two.rightShare >= bounds.rightShareOfTwo,
      'two of three failed: at least 99.9 % succeed',
      percent(two.rightShare) + statuses(two.failedStatuses),
    ),
    calls('two.calls', two.callsPerRead, bounds.callsInOutage),
    ...(creation
      ? [
          check(
            'two.creation',
            creation.join() === '503 regions.below-quorum,404 key.not-found',
            'a creation below the quorum is refused, and stores nothing',
            creation.join(', then '),
          ),
        ]
      : []),
    recovered(check, 'two.recovery', twoRecovery),
  ];
}

function detected(check: Check, afterMs: number | undefined, afterCalls: number): Verdict {
  const inTime = afterMs !== undefined && afterMs <= bounds.detectedWithinMs;
  return check(
    'one.detection',
    inTime || (afterMs !== undefined && afterCalls <= bounds.detectedWithinCalls),
    'detected within 1 s or 5 failures',
    afterMs === undefined ? 'not detected' : `${afterMs.toFixed(0)} ms and ${afterCalls} calls`,
  );
}

const recovered = (check: Check, cell: string, { wellMs, fullMs }: Recovery): Verdict =>
  check(
    cell,
    fullMs <= bounds.recoveredWithinMs,
    'full traffic within 30 s of recovery',
    `${(fullMs / 1_000).toFixed(1)} s; healthy in the report after ${(wellMs / 1_000).toFixed(1)} s`,
  );

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;

export function longVerdictsOf(run: LongRun): readonly Verdict[] {
  const check = checkOf(run.says);
  const { rightShare, heap, rss, sockets, bugs, exitCode } = run;
  const calls = `at most ${run.mostCallsPerRead} calls per read`;
  const [before, after] = heap;
  const grown = (a: number, b: number): string => `${megabytes(a)}, then ${megabytes(b)}`;
  return [
    check('reads', run.reads >= run.wantedReads, `${run.wantedReads} reads in time`, `${run.reads}`),
    check(
      'right',
      rightShare >= bounds.rightShareOfMany,
      'at least 99.999 % of reads succeed',
      percent(rightShare) + statuses(run.failedStatuses),
    ),
    check('calls', run.callsPerRead <= run.mostCallsPerRead, calls, run.callsPerRead.toFixed(3)),
    check('heap', after - before <= bounds.heapGrowth, 'the heap does not grow', grown(before, after)),
    check(
      'rss',
      !(rss.last > rss.first * (1 + bounds.rssGrowth)),
      'resident memory does not grow',
      grown(rss.first, rss.last),
    ),
    check(
      'sockets',
      !(sockets.last > sockets.first + bounds.socketGrowth),
      'open sockets do not grow',
      `${sockets.first}, then ${sockets.last}`,
    ),
    check(
      'bugs',
      bugs.length === 0 && exitCode === 0,
      'no bug, no unhandled rejection',
      [...bugs, `exit ${exitCode ?? 'by signal'}`].join('; '),
    ),
  ];
}
