// What many clients saw of many processes, and whether one service with one key per id could have answered so. Knows
// nothing of how RKMS works: it judges the recorded requests alone.

/** One request and its answer, by one client's watch. */
export interface Seen {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly process: string;
  readonly id: string;
  readonly mayCreate: boolean;
  /** 0 when the connection broke before an answer came. */
  readonly status: number;
  /** The key's digest, when there was one. */
  readonly digest?: string | undefined;
  /** The problem's type, when there was one. */
  readonly problem?: string | undefined;
}

/** A time in which something was done to the service that may show. */
export interface Disturbance {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Expectations {
  /** While one of these lasts, a 503 is no surprise. */
  readonly disturbances: readonly Disturbance[];
  /** :: process -> when it was dying or dead: only then may its connections break */
  readonly deaths: ReadonlyMap<string, Disturbance>;
}

/** Everything that is wrong with the history, one sentence each. */
export function wrongsIn(history: readonly Seen[], expected: Expectations): readonly string[] {
  const answered = history.filter(({ status }) => status === 200);
  return [
    ...secondKeys(answered),
    ...sharedKeys(answered),
    ...lateAbsences(history, answered),
    ...history.flatMap((seen) => surprise(seen, expected)),
  ];
}

/** One key per id for ever (I1). */
function secondKeys(answered: readonly Seen[]): readonly string[] {
  return [...Map.groupBy(answered, ({ id }) => id)].flatMap(([id, seen]) => {
    const digests = new Set(seen.map(({ digest }) => digest));
    return digests.size === 1 ? [] : [`${id}: ${digests.size} different keys`];
  });
}

/** No key for two ids. */
function sharedKeys(answered: readonly Seen[]): readonly string[] {
  return [...Map.groupBy(answered, ({ digest }) => digest ?? 'no key')].flatMap(([digest, seen]) => {
    const ids = new Set(seen.map(({ id }) => id));
    return ids.size === 1 && digest !== 'no key' ? [] : [`${[...ids].join(', ')}: the same key, or none`];
  });
}

/** Who is told that there is no key must have asked before anybody had it. */
function lateAbsences(history: readonly Seen[], answered: readonly Seen[]): readonly string[] {
  const known = new Map<string, number>();
  for (const { id, endedMs } of answered) known.set(id, Math.min(endedMs, known.get(id) ?? Infinity));
  return history.flatMap(({ id, status, beganMs, process }) => {
    const sinceMs = known.get(id) ?? Infinity;
    return status === 404 && sinceMs < beganMs ? [`${id}: absent at ${process} after it was given out`] : [];
  });
}

function surprise(seen: Seen, { disturbances, deaths }: Expectations): readonly string[] {
  const { id, status, problem, process, mayCreate } = seen;
  const during = ({ fromMs, toMs }: Disturbance): boolean => seen.beganMs <= toMs && seen.endedMs >= fromMs;
  const death = deaths.get(process);
  const usual = status === 200 || (status === 404 && !mayCreate);
  const excused = status === 0 ? death !== undefined && during(death) : disturbances.some(during);
  return usual || (excused && [0, 503].includes(status))
    ? []
    : [`${id}: ${status} ${problem ?? ''} from ${process}`];
}
