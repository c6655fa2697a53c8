// Compares the clock of this machine with that of AWS, which refuses requests signed more than five minutes off.
import { Subject, type Finding } from '../checks/finding.js';

const clock = new Subject('clock');

/** `Date` headers have a resolution of one second, and the answer takes time to arrive. */
const noticedMs = 10_000;
const refusedMs = 240_000;

/** `aheadMs`: how far this clock is ahead of each endpoint. The smallest difference counts: an endpoint may be wrong itself. */
export function checkClock(aheadMs: readonly number[]): Finding {
  const [least] = aheadMs.toSorted((one, other) => Math.abs(one) - Math.abs(other));
  if (least === undefined) return clock.skipped('time', 'no answer from AWS to compare it with');
  const seconds = Math.round(Math.abs(least) / 1_000);
  const found = `${seconds} s ${least > 0 ? 'ahead of' : 'behind'} AWS`;
  if (seconds * 1_000 < noticedMs) return clock.ok('time', 'correct, compared with the answers of AWS');
  const hint = 'check the time service of this machine (chronyc tracking, timedatectl)';
  return seconds * 1_000 < refusedMs
    ? clock.warning('time', found, hint)
    : clock.broken('time', `${found}: AWS refuses requests signed with this time`, hint);
}
