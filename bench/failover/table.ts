// The measurements as tables of plain text. "!" stands at each value that is outside of its bound.
import type { Verdict } from './bounds.js';
import type { LongRun } from './long-runs.js';
import type { Measured } from './measure.js';
import type { Recovery } from './recovery.js';

interface Column<T> {
  readonly head: readonly [string, string];
  readonly cell: (each: T) => string;
  /** The verdict whose failure is marked here. */
  readonly verdict?: string;
}

const whole = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '-' : value.toFixed(0);
const tenth = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(1));
const calls = (value: number): string => value.toFixed(2);
const seconds = ({ wellMs, fullMs }: Recovery): string =>
  fullMs === wellMs ? tenth(fullMs / 1_000) : `${tenth(wellMs / 1_000)}/${tenth(fullMs / 1_000)}`;
const share = (value: number): string =>
  value === 1 ? '100' : (Math.floor(value * 100_000) / 1_000).toFixed(3);

const columns: readonly Column<Measured>[] = [
  { head: ['', 'way to fail'], cell: ({ says }) => says },
  { head: ['HEALTHY', 'p50'], cell: ({ healthy }) => tenth(healthy.p50Ms) },
  { head: ['', 'p99'], cell: ({ healthy }) => tenth(healthy.p99Ms), verdict: 'healthy.right' },
  { head: ['', 'steady'], cell: ({ healthy }) => tenth(healthy.steadyP99Ms) },
  { head: ['', 'calls'], cell: ({ healthy }) => calls(healthy.callsPerRead), verdict: 'healthy.calls' },
  { head: ['| ONE OF', 'ok %'], cell: ({ one }) => share(one.rightShare), verdict: 'one.right' },
  { head: ['THREE', 'p50'], cell: ({ one }) => tenth(one.p50Ms) },
  { head: ['<h+250', 'p99'], cell: ({ one }) => tenth(one.p99Ms), verdict: 'one.p99' },
  {
    head: ['<h+20', 'known'],
    cell: ({ one, detection }) => tenth(detection?.p99Ms ?? one.steadyP99Ms),
    verdict: 'one.steady',
  },
  { head: ['<1.3', 'calls'], cell: ({ one }) => calls(one.callsPerRead), verdict: 'one.calls' },
  {
    head: ['1s or 5', 'found ms/n'],
    cell: ({ detection }) => (detection ? `${whole(detection.afterMs)}/${detection.afterCalls}` : '-'),
    verdict: 'one.detection',
  },
  { head: ['<30', 'back s'], cell: ({ oneRecovery }) => seconds(oneRecovery), verdict: 'one.recovery' },
  { head: ['| TWO >', '99.9 %'], cell: ({ two }) => share(two.rightShare), verdict: 'two.right' },
  { head: ['', 'p50'], cell: ({ two }) => tenth(two.p50Ms) },
  { head: ['', 'p99'], cell: ({ two }) => tenth(two.p99Ms) },
  { head: ['<1.3', 'calls'], cell: ({ two }) => calls(two.callsPerRead), verdict: 'two.calls' },
  {
    head: ['', 'create'],
    cell: ({ creation }) => creation?.map((answer) => answer.slice(0, 3)).join('/') ?? '-',
    verdict: 'two.creation',
  },
  { head: ['<30', 'back s'], cell: ({ twoRecovery }) => seconds(twoRecovery), verdict: 'two.recovery' },
  { head: ['', '| stray'], cell: ({ strays }) => whole(strays) },
];

const mebibytes = (bytes: number): string => whole(bytes / 1_048_576);
const longColumns: readonly Column<LongRun>[] = [
  { head: ['', 'long run'], cell: ({ says }) => says },
  { head: ['', 'reads'], cell: ({ reads }) => whole(reads), verdict: 'reads' },
  { head: ['>99.999', 'ok %'], cell: ({ rightShare }) => share(rightShare), verdict: 'right' },
  { head: ['', 'failed'], cell: ({ failedStatuses }) => whole(failedStatuses.length) },
  { head: ['', 'reads/s'], cell: ({ readsPerSecond }) => whole(readsPerSecond) },
  { head: ['', 'p50'], cell: ({ p50Ms }) => tenth(p50Ms) },
  { head: ['', 'p99'], cell: ({ p99Ms }) => tenth(p99Ms) },
  {
    head: ['1.05/1.3', 'calls'],
    cell: ({ callsPerRead }) => callsPerRead.toFixed(3),
    verdict: 'calls',
  },
  {
    head: ['heap MiB', 'before/after'],
    cell: ({ heap: [before, after] }) => `${tenth(before / 1_048_576)}/${tenth(after / 1_048_576)}`,
    verdict: 'heap',
  },
  {
    head: ['rss MiB', 'first/last'],
    cell: ({ rss }) => `${mebibytes(rss.first)}/${mebibytes(rss.last)}`,
    verdict: 'rss',
  },
  {
    head: ['sockets', 'first/last'],
    cell: ({ sockets }) => `${whole(sockets.first)}/${whole(sockets.last)}`,
    verdict: 'sockets',
  },
  { head: ['', 'bugs'], cell: ({ bugs }) => whole(bugs.length), verdict: 'bugs' },
];

export const tableOf = (all: readonly Measured[], verdicts: readonly (readonly Verdict[])[]): string =>
  'Milliseconds, unless another unit is given. h: healthy just before. steady, known: p99 without the first second, or from\n' +
  'a second after detection on. calls: per read, canaries excluded. found: after how many ms, and calls to the region that\n' +
  'fails. back: seconds until all is reported healthy, or that/until reads are served where they were before. stray: how often\n' +
  `a region was taken for ill that had not failed. ! marks a bound that does not hold.\n\n${aligned(columns, all, verdicts)}`;

export const longTableOf = (all: readonly LongRun[], verdicts: readonly (readonly Verdict[])[]): string =>
  `50 at once, as fast as they are answered; milliseconds.\n\n${aligned(longColumns, all, verdicts)}`;

function aligned<T>(
  layout: readonly Column<T>[],
  all: readonly T[],
  verdicts: readonly (readonly Verdict[])[],
): string {
  const rows = all.map((each, row) => {
    const broken = new Set((verdicts[row] ?? []).filter(({ holds }) => !holds).map(({ cell }) => cell));
    const marked = layout.map(({ cell, verdict }) => cell(each) + (broken.has(verdict ?? '') ? '!' : ' '));
    return [...marked, broken.size === 0 ? 'PASS' : 'FAIL'];
  });
  const heads = ([0, 1] as const).map((line) => [
    ...layout.map(({ head }) => `${head[line]} `),
    line === 0 ? '' : 'all',
  ]);
  const lines = [...heads, ...rows];
  const widths = [...layout, undefined].map((_, at) =>
    Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart((widths[at] ?? 0) + 1)))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
