// The faults that each call on each port can have, and how often each occurred. A pair of method and fault that no schedule
// tried proves nothing, so every pair is counted.
import { Random } from './random.js';

export const portMethods = [
  'vault.generateDataKey',
  'vault.encrypt',
  'vault.decrypt',
  'vault.probe',
  'store.find',
  'store.insert',
  'store.addCiphertexts',
  'store.dropCiphertexts',
  'store.count',
  'store.page',
  'store.genesis',
  'store.initialise',
  'audit.append',
] as const;
export type PortMethod = (typeof portMethods)[number];

/**
 * fails-before: refused, without an effect. fails-after: it takes effect, but reports a failure. late: it takes effect long
 * after every deadline. hangs: it never answers, and may or may not take effect. lies: a wrong answer that RKMS must
 * tolerate. dies: the process ends at this call, with everything in flight.
 */
export const faultKinds = ['fails-before', 'fails-after', 'late', 'hangs', 'lies', 'dies'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Lies that RKMS need not tolerate: a probe returns no data, and a successful audit write must have happened. */
const noLies: ReadonlySet<PortMethod> = new Set<PortMethod>(['vault.probe', 'audit.append']);

export const applies = (method: PortMethod, fault: FaultKind): boolean =>
  fault !== 'lies' || !noLies.has(method);

/** :: "method fault" -> how often */
export type Coverage = Map<string, number>;

export interface FaultSettings {
  readonly seed: number;
  /** The share of calls with a fault. */
  readonly rate: number;
  /** The fault that this schedule has more often, if any. */
  readonly favourite: FaultKind | undefined;
  /** The numbers of the calls that may have a fault; all when absent. */
  readonly only: ReadonlySet<number> | undefined;
}

/** A fault, and a random stream for its details. */
export interface Fault {
  readonly kind: FaultKind;
  readonly random: Random;
}

export class Faults {
  /** The numbers of the calls that had a fault. */
  readonly struck: number[] = [];
  readonly coverage: Coverage = new Map();
  private calls = 0;
  private healed = false;

  constructor(private readonly settings: FaultSettings) {}

  /** From now on no call has a fault. */
  heal(): void {
    this.healed = true;
  }

  /** The fault of this call. Depends only on the seed and on the number of calls before it. */
  strike(method: PortMethod): Fault | undefined {
    const call = this.calls;
    this.calls += 1;
    const { seed, rate, favourite, only } = this.settings;
    if (this.healed || (only !== undefined && !only.has(call))) return undefined;
    const random = new Random(seed, 1_000 + call);
    if (!random.chance(rate)) return undefined;
    const kind = favourite !== undefined && random.chance(0.5) ? favourite : random.pick(faultKinds);
    // The end of a process ends too much to be as likely as the other faults.
    if (!applies(method, kind) || (kind === 'dies' && random.chance(0.6))) return undefined;
    this.struck.push(call);
    const pair = `${method} ${kind}`;
    this.coverage.set(pair, (this.coverage.get(pair) ?? 0) + 1);
    return { kind, random };
  }
}

/** Adds `more` to `sum`. */
export function addCoverage(sum: Coverage, more: Iterable<readonly [string, number]>): void {
  for (const [pair, count] of more) sum.set(pair, (sum.get(pair) ?? 0) + count);
}

/** The pairs that must be tried and were not. */
export const neverHit = (coverage: Coverage): readonly string[] =>
  portMethods.flatMap((method) =>
    faultKinds
      .filter((fault) => applies(method, fault) && !coverage.has(`${method} ${fault}`))
      .map((fault) => `${method} ${fault}`),
  );

/** The count of every pair, as a table for people. */
export function coverageTable(coverage: Coverage): string {
  const cell = (text: string | number): string => String(text).padStart(13);
  const rows = portMethods.map((method) => {
    const counts = faultKinds.map((fault) =>
      applies(method, fault) ? (coverage.get(`${method} ${fault}`) ?? 0) : '-',
    );
    return method.padEnd(23) + counts.map(cell).join('');
  });
  return [' '.repeat(23) + faultKinds.map(cell).join(''), ...rows].join('\n');
}
