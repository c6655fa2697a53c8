// Runs schedules against this build, a mutant, until a promise breaks or time is up, and writes the result as one line of
// JSON.
import { runSchedule } from './run-schedule.js';

const maxSeconds = Number(process.argv[2] ?? 60);
const startedMs = performance.now();
const seconds = (): number => (performance.now() - startedMs) / 1_000;
let seeds = 0;
let caughtBy = '';
while (caughtBy === '' && seconds() < maxSeconds) {
  const { violation } = await runSchedule({ seed: seeds });
  seeds += 1;
  caughtBy = violation?.invariant ?? '';
}
console.log(JSON.stringify({ caughtBy, seeds, seconds: seconds() }));
