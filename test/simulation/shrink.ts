// Reduces a broken schedule to fewer processes, actions and faults, as long as the same promise breaks. The result usually
// shows the cause.
import type { Schedule } from './plan.js';
import { planOf } from './plan.js';
import { runSchedule, type Outcome } from './run-schedule.js';

/** The smallest schedule found that breaks the same promise; `maxRuns` bounds the search. */
export async function shrink(schedule: Schedule, maxRuns = 600): Promise<Schedule> {
  const first = await runSchedule(schedule);
  const invariant = first.violation?.invariant;
  if (invariant === undefined) return schedule;
  let runs = 0;
  const breaks = async (candidate: Schedule): Promise<Outcome | undefined> => {
    if (runs >= maxRuns) return undefined;
    runs += 1;
    const outcome = await runSchedule(candidate);
    return outcome.violation?.invariant === invariant ? outcome : undefined;
  };
  let best = schedule;
  const { processes } = planOf(schedule);
  for (let fewer = 1; fewer < processes; fewer += 1) {
    const candidate = { ...best, processes: fewer };
    if (!(await breaks(candidate))) continue;
    best = candidate;
    break;
  }
  const kept = best.actions ?? Array.from({ length: planOf(best).actions.length }, (_, at) => at);
  const actions = await fewest(
    kept,
    async (some) => (await breaks({ ...best, actions: some })) !== undefined,
  );
  if (actions.length < kept.length) best = { ...best, actions };
  const { struck } = await runSchedule(best);
  const faults = await fewest(
    struck,
    async (some) => (await breaks({ ...best, faults: some })) !== undefined,
  );
  return { ...best, faults };
}

/** Removes as many items as possible, large pieces first. */
async function fewest(
  all: readonly number[],
  suffices: (some: readonly number[]) => Promise<boolean>,
): Promise<readonly number[]> {
  let kept = all;
  for (let piece = Math.ceil(all.length / 2); piece >= 1; piece = Math.floor(piece / 2)) {
    for (let at = 0; at < kept.length;) {
      const without = [...kept.slice(0, at), ...kept.slice(at + piece)];
      if (await suffices(without)) kept = without;
      else at += piece;
    }
  }
  return kept;
}
