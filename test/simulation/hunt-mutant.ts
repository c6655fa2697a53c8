// Hunts the mutant that this build is, one schedule after the other, until a promise breaks or time is up, and writes what
// was found as one line of JSON.
import { runSchedule } from './run-schedule.js';

const mostSeconds = Number(process.argv[2] ?? 60);
const startedMs = performance.now();
const seconds = (): number => (performance.now() - startedMs) / 1_000;
let seeds = 0;
let caughtBy = '';
while (caughtBy === '' && seconds() < mostSeconds) {
  const { violation } = await runSchedule({ seed: seeds });
  seeds += 1;
  caughtBy = violation?.invariant ?? '';
}
console.log(JSON.stringify({ caughtBy, seeds, seconds: seconds() }));
