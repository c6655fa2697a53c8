// Our clock against that of AWS, which refuses calls that are signed more than five minutes off.
import { Subject, type Finding } from '../checks/finding.js';

const clock = new Subject('clock');

/** The dates have whole seconds, and travel some time. */
const noticedMs = 10_000;
const refusedMs = 240_000;

/** `aheadMs`: by each endpoint, how far we are ahead. One that is wrong itself is outvoted by the one that is nearest to us. */
export function checkClock(aheadMs: readonly number[]): Finding {
  const [least] = aheadMs.toSorted((one, other) => Math.abs(one) - Math.abs(other));
  if (least === undefined) return clock.skipped('time', 'no answer of AWS to compare it with');
  const seconds = Math.round(Math.abs(least) / 1_000);
  const found = `${seconds} s ${least > 0 ? 'ahead of' : 'behind'} AWS`;
  if (seconds * 1_000 < noticedMs) return clock.ok('time', 'right, by the answers of AWS');
  const hint = 'see to the time service of this machine (chronyc tracking, timedatectl)';
  return seconds * 1_000 < refusedMs
    ? clock.warning('time', found, hint)
    : clock.broken('time', `${found}: AWS refuses what is signed with such a time`, hint);
}
