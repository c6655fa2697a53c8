// Evaluates PromQL over what was scraped, as Prometheus does, as far as the dashboard needs it: instant and range selectors,
// rate and increase with Prometheus' extrapolation, histogram_quantile, sums and the like, arithmetic and comparisons.
import type { Expr, Grouping, Matcher } from './promql.js';
import type { Labels, ScrapedMetrics, Series } from './scraped-metrics.js';

export interface Value {
  readonly labels: Labels;
  readonly value: number;
}
type Vector = readonly Value[];

/** The values at the time of the last page, in no order. A number is one value without labels. */
export function evaluate(expr: Expr, scraped: ScrapedMetrics): Vector {
  const nowMs = scraped.lastMs;
  const of = (part: Expr): Vector => evaluate(part, scraped);
  switch (expr.kind) {
    case 'number':
      return scalar(expr.value);
    case 'select':
      return selected(expr, scraped).flatMap(({ labels, points }) => {
        const last = points.at(-1);
        // A series that the last page did not have is gone.
        return last?.atMs === nowMs ? [{ labels, value: last.value }] : [];
      });
    case 'aggregate':
      return aggregated(expr.op, expr.grouping, of(only(expr.args)));
    case 'call':
      return called(expr, scraped, of);
    case 'binary':
      return combined(expr.op, expr.matching, of(expr.left), of(expr.right), [expr.left, expr.right]);
  }
}

const scalar = (value: number): Vector => [{ labels: {}, value }];

function only(args: readonly Expr[]): Expr {
  const [arg] = args;
  if (arg === undefined || args.length !== 1) throw new Error('expected one argument');
  return arg;
}

type Selector = Extract<Expr, { kind: 'select' }>;

const selected = ({ metric, matchers }: Selector, scraped: ScrapedMetrics): readonly Series[] =>
  scraped.named(metric).filter(({ labels }) => matchers.every((matcher) => matches(matcher, labels)));

function matches({ label, op, value }: Matcher, labels: Labels): boolean {
  const found = labels[label] ?? '';
  const isPattern = op === '=~' || op === '!~';
  const isLike = isPattern ? new RegExp(`^(?:${value})$`).test(found) : found === value;
  return op === '=' || op === '=~' ? isLike : !isLike;
}

function called(
  { name, args }: Extract<Expr, { kind: 'call' }>,
  scraped: ScrapedMetrics,
  of: (part: Expr) => Vector,
): Vector {
  const [first, second] = args;
  switch (name) {
    case 'time':
      return scalar(scraped.lastMs / 1_000);
    case 'vector':
      return of(only(args));
    case 'rate':
    case 'increase': {
      const range = only(args);
      if (range.kind !== 'select' || range.rangeMs === undefined) throw new Error(`${name} of no range`);
      const { rangeMs } = range;
      return selected(range, scraped).flatMap(({ labels, points }) => {
        const grown = increase(points, scraped.lastMs, rangeMs);
        const divisor = name === 'rate' ? rangeMs / 1_000 : 1;
        return grown === undefined ? [] : [{ labels, value: grown / divisor }];
      });
    }
    case 'histogram_quantile': {
      if (first?.kind !== 'number' || second === undefined) throw new Error('no quantile of a histogram');
      return quantiles(first.value, of(second));
    }
    default:
      throw new Error(`the function ${name} is not known here`);
  }
}

/** As Prometheus extrapolates it: to the ends of the range, but no further than half a scrape beyond the points. */
function increase(all: Series['points'], nowMs: number, rangeMs: number): number | undefined {
  const points = all.filter(({ atMs }) => atMs > nowMs - rangeMs && atMs <= nowMs);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) return undefined;
  let grown = 0;
  for (const [index, { value }] of points.entries()) {
    const before = points[index - 1]?.value ?? value;
    grown += value < before ? value : value - before;
  }
  const sampledMs = last.atMs - first.atMs;
  const betweenMs = sampledMs / (points.length - 1);
  const near = (gapMs: number): number => (gapMs >= betweenMs * 1.1 ? betweenMs / 2 : gapMs);
  const toZeroMs = grown > 0 ? sampledMs * (first.value / grown) : Infinity;
  const beforeMs = Math.min(near(first.atMs - (nowMs - rangeMs)), toZeroMs);
  return (grown * (sampledMs + beforeMs + near(nowMs - last.atMs))) / sampledMs;
}

function quantiles(q: number, buckets: Vector): Vector {
  const groups = Map.groupBy(buckets, ({ labels }) => keyOf(labels, { keeps: false, labels: ['le'] }));
  return [...groups.values()].flatMap((group) => {
    const rows = group
      .map(({ labels, value }) => ({ le: labels['le'] === '+Inf' ? Infinity : Number(labels['le']), value }))
      .sort((a, b) => a.le - b.le);
    const total = rows.at(-1)?.value ?? 0;
    const labels = kept(group[0]?.labels ?? {}, { keeps: false, labels: ['le'] });
    return [{ labels, value: total === 0 ? NaN : quantileOf(q * total, rows) }];
  });
}

function quantileOf(rank: number, rows: readonly { readonly le: number; readonly value: number }[]): number {
  const at = rows.findIndex(({ value }) => value >= rank);
  const [row, before] = [rows[at], rows[at - 1] ?? { le: 0, value: 0 }];
  if (row === undefined || row.le === Infinity) return before.le;
  return before.le + ((row.le - before.le) * (rank - before.value)) / (row.value - before.value);
}

const kept = (labels: Labels, { keeps, labels: names }: Grouping): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([label]) => names.includes(label) === keeps));

const keyOf = (labels: Labels, grouping: Grouping): string =>
  JSON.stringify(Object.entries(kept(labels, grouping)).sort());

function aggregated(op: string, grouping: Grouping, vector: Vector): Vector {
  const fold: Readonly<Record<string, (values: readonly number[]) => number>> = {
    sum: (values) => values.reduce((a, b) => a + b, 0),
    max: (values) => Math.max(...values),
    min: (values) => Math.min(...values),
    count: (values) => values.length,
  };
  const folding = fold[op];
  if (folding === undefined) throw new Error(`the aggregation ${op} is not known here`);
  const groups = Map.groupBy(vector, ({ labels }) => keyOf(labels, grouping));
  return [...groups.values()].map((group) => ({
    labels: kept(group[0]?.labels ?? {}, grouping),
    value: folding(group.map(({ value }) => value)),
  }));
}

const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};
const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

function combined(
  op: string,
  matching: Grouping | undefined,
  left: Vector,
  right: Vector,
  [leftPart, rightPart]: readonly [Expr, Expr],
): Vector {
  const by = matching ?? { keeps: false, labels: [] };
  const key = ({ labels }: Value): string => keyOf(labels, by);
  if (op === 'or') {
    const taken = new Set(left.map(key));
    return [...left, ...right.filter((value) => !taken.has(key(value)))];
  }
  if (op === 'and' || op === 'unless') {
    const others = new Set(right.map(key));
    return left.filter((value) => others.has(key(value)) === (op === 'and'));
  }
  const [leftNumber, rightNumber] = [isScalar(leftPart), isScalar(rightPart)];
  return left.flatMap((a) =>
    right.flatMap((b) => {
      if (!leftNumber && !rightNumber && key(a) !== key(b)) return [];
      const labels = leftNumber ? b.labels : a.labels;
      const compare = comparisons[op];
      if (compare)
        return compare(a.value, b.value) ? [{ labels, value: leftNumber ? b.value : a.value }] : [];
      const compute = arithmetic[op];
      if (compute === undefined) throw new Error(`the operator ${op} is not known here`);
      return [{ labels: matching ? kept(labels, matching) : labels, value: compute(a.value, b.value) }];
    }),
  );
}

const isScalar = (expr: Expr): boolean =>
  expr.kind === 'number' ||
  (expr.kind === 'call' && expr.name === 'time') ||
  (expr.kind === 'binary' && isScalar(expr.left) && isScalar(expr.right));
