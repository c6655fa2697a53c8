// The plan of a seed: which store, how many processes, how many faults, and which actions in which order. A plan can be
// reduced to fewer processes, actions and faults, to find the smallest one that breaks a promise.
import type { FaultKind } from './faults.js';
import { faultKinds } from './faults.js';
import { Random } from './random.js';
import type { StoreMode } from './simulated-store.js';

export type WhichStore = 'ours' | 'empty' | 'foreign';

export type Action =
  | {
      readonly do: 'ask';
      readonly process: number;
      readonly id: number;
      readonly mayCreate: boolean;
      readonly patienceMs?: number;
    }
  | { readonly do: 'leave'; readonly process: number }
  | {
      readonly do: 'restart';
      readonly process: number;
      readonly regions: readonly number[];
      readonly store: WhichStore;
    }
  | { readonly do: 'vault-down' | 'vault-up'; readonly region: number }
  | { readonly do: 'store-down' | 'store-up'; readonly region: number }
  | { readonly do: 'scan'; readonly process: number; readonly what: 'repair' | 'drop-removed' | 'verify' }
  | { readonly do: 'probe'; readonly process: number }
  | { readonly do: 'initialise'; readonly process: number; readonly isOurs: boolean }
  | { readonly do: 'lose-copy'; readonly id: number; readonly region: number };

/** An action, and its delay after the previous one; 0 lets the scheduler choose. */
export type Timed = Action & { readonly waitMs: number };

export interface Plan {
  readonly seed: number;
  readonly mode: StoreMode;
  readonly processes: number;
  readonly faultRate: number;
  readonly favourite: FaultKind | undefined;
  readonly haste: number;
  readonly slowness: number;
  /** Whether the store has its genesis record from the beginning. */
  readonly isInitialised: boolean;
  /** How long processes repair in the background, in milliseconds; absent when they do not. */
  readonly repairsForMs: number | undefined;
  /** How many records the cache of each process holds; 0: there is no cache. */
  readonly cachedRecords: number;
  /** How long each process keeps opened keys, in milliseconds; 0: it keeps none. */
  readonly keyTtlMs: number;
  readonly actions: readonly Timed[];
  readonly onlyFaults: ReadonlySet<number> | undefined;
  /** Whether the end also tries every region alone. */
  readonly triesRegionsAlone: boolean;
}

/** The parts of a plan to run; an absent part means all of it. */
export interface Reduction {
  readonly processes?: number;
  readonly actions?: readonly number[];
  readonly faults?: readonly number[];
}

export interface Schedule extends Reduction {
  readonly seed: number;
}

/** Any two of these share two regions, so every process can open a key with two copies. */
const regionSets = [
  [0, 1, 2],
  [0, 1, 2],
  [0, 1, 3],
  [1, 2, 3],
] as const;

export function planOf({ seed, ...reduction }: Schedule): Plan {
  const random = new Random(seed, 1);
  const mode = random.pick(['single', 'strong', 'home'] as const);
  const processes = random.between(1, 3);
  const faultRate = random.pick([0, 0.03, 0.08, 0.15, 0.3]);
  const favourite = random.chance(0.4) ? random.pick(faultKinds) : undefined;
  const haste = random.pick([0.01, 0.05, 0.2]);
  const repairsForMs = random.chance(0.25) ? random.between(500, 2_500) : undefined;
  const slowness = random.pick([0, 0.05, 0.2]);
  const isInitialised = random.chance(0.85);
  const ids = random.between(1, 3);
  const count = random.between(3, 12);
  const chosen = Array.from({ length: count }, () => actionOf(random, processes, ids));
  const initialise = { do: 'initialise', process: 0, isOurs: random.chance(0.8), waitMs: 0 } as const;
  const rotated = random.chance(0.25) ? rotationOf(random, processes, ids) : [];
  const cachedRecords = random.pick([0, 1, 100, 100]);
  const renewed = cachedRecords > 0 && random.chance(0.1) ? renewalOf(random) : [];
  const all = [...(isInitialised ? [] : [initialise]), ...chosen, ...rotated, ...renewed];
  const actions = reduction.actions ? reduction.actions.flatMap((at) => all[at] ?? []) : all;
  const most = reduction.processes ?? processes;
  return {
    seed,
    mode,
    processes: Math.min(processes, most),
    faultRate,
    favourite,
    haste,
    slowness,
    isInitialised,
    repairsForMs,
    cachedRecords,
    // Chance of its own, so that the plans of known seeds stay what they are.
    keyTtlMs: new Random(seed, 9).pick([0, 0, 100, 1_000]),
    actions: actions.map((action) =>
      'process' in action ? { ...action, process: action.process % most } : action,
    ),
    onlyFaults: reduction.faults && new Set(reduction.faults),
    triesRegionsAlone: random.chance(0.1),
  };
}

/** One region is removed, another added, and keys are repaired, in several processes at once. */
function rotationOf(random: Random, processes: number, ids: number): readonly Timed[] {
  const regions = random.pick([regionSets[2], regionSets[3]]);
  const scans = Array.from({ length: random.between(1, 3) }, (): Action => {
    const what = random.pick(['drop-removed', 'drop-removed', 'repair'] as const);
    return { do: 'scan', process: random.below(processes), what };
  });
  const steps: Action[] = [
    { do: 'ask', process: 0, id: random.below(ids), mayCreate: true },
    { do: 'restart', process: random.below(processes), regions, store: 'ours' },
    ...scans,
    chosenAction(random, processes, ids),
  ];
  return steps.map((step) => ({ ...step, waitMs: random.chance(0.4) ? random.below(3_000) : 0 }));
}

/** Every copy of a key that the first process has in its cache is lost and repaired by the second one. */
function renewalOf(random: Random): readonly Timed[] {
  const ask = { do: 'ask', process: 0, id: 0, mayCreate: true, waitMs: 2_000 } as const;
  const rounds = [0, 1, 2].flatMap((region): Timed[] => [
    { do: 'lose-copy', id: 0, region, waitMs: 0 },
    { do: 'scan', process: 1, what: 'repair', waitMs: random.below(200) },
    { do: 'probe', process: 1, waitMs: 4_000 },
  ]);
  return [ask, ...rounds, { ...ask, mayCreate: false }];
}

function actionOf(random: Random, processes: number, ids: number): Timed {
  const waitMs = random.chance(0.25) ? random.below(4_000) : 0;
  return { ...chosenAction(random, processes, ids), waitMs };
}

function chosenAction(random: Random, processes: number, ids: number): Action {
  const process = random.below(processes);
  const id = random.below(ids);
  const region = random.below(4);
  const what = random.next();
  if (what < 0.12)
    return { do: 'scan', process, what: random.pick(['repair', 'drop-removed', 'drop-removed', 'verify']) };
  if (what < 0.66) {
    const patienceMs = random.chance(0.3) ? random.between(1, 2_000) : undefined;
    const mayCreate = random.chance(0.75);
    return { do: 'ask', process, id, mayCreate, ...(patienceMs !== undefined && { patienceMs }) };
  }
  if (what < 0.71) return { do: 'leave', process };
  if (what < 0.8) {
    const store = random.chance(0.85) ? 'ours' : random.pick(['empty', 'foreign'] as const);
    return { do: 'restart', process, regions: random.pick(regionSets), store };
  }
  if (what < 0.85) return { do: random.chance(0.5) ? 'vault-down' : 'vault-up', region };
  if (what < 0.89) return { do: random.chance(0.5) ? 'store-down' : 'store-up', region: random.below(3) };
  if (what < 0.92) return { do: 'probe', process };
  if (what < 0.96) return { do: 'initialise', process, isOurs: random.chance(0.9) };
  return { do: 'lose-copy', id, region };
}

/** A schedule as one word for `make simulate SEED=`: `17`, or a reduced one as `17:p1:a0.3:f12`. */
export function spell({ seed, processes, actions, faults }: Schedule): string {
  const parts = [String(seed)];
  if (processes !== undefined) parts.push(`p${processes}`);
  if (actions !== undefined) parts.push(`a${actions.join('.')}`);
  if (faults !== undefined) parts.push(`f${faults.join('.')}`);
  return parts.join(':');
}

/** The schedule that `spell` wrote. */
export function unspell(text: string): Schedule {
  const [seed = '', ...parts] = text.split(':');
  const numbers = (part: string): number[] => part.slice(1).split('.').filter(Boolean).map(Number);
  const find = (letter: string): string | undefined => parts.find((part) => part.startsWith(letter));
  const [processes, actions, faults] = [find('p'), find('a'), find('f')];
  return {
    seed: Number(seed),
    ...(processes !== undefined && { processes: Number(processes.slice(1)) }),
    ...(actions !== undefined && { actions: numbers(actions) }),
    ...(faults !== undefined && { faults: numbers(faults) }),
  };
}
