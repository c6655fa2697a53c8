// Waits until both listeners listen. When neither address can be used, both are named at once: two services on one machine
// usually have both in common. Never leaves one listener open without the other.
import type { RunningServer } from '../../adapters/http/server/server.js';
import { OperatorError } from '../../adapters/system/operator-error.js';

/** Rejects with one OperatorError for all addresses that cannot be used. */
export async function bothListening(
  ...listeners: readonly [Promise<RunningServer>, Promise<RunningServer>]
): Promise<readonly [RunningServer, RunningServer]> {
  const [one, other] = await Promise.allSettled(listeners);
  if (one.status === 'fulfilled' && other.status === 'fulfilled') return [one.value, other.value];
  const refusals: OperatorError[] = [];
  for (const each of [one, other]) {
    if (each.status === 'fulfilled') await each.value.stop(0);
    else if (each.reason instanceof OperatorError) refusals.push(each.reason);
    else throw each.reason;
  }
  throw new OperatorError(
    refusals.map(({ message }) => message).join('; '),
    refusals.map(({ hint }) => hint).join('; '),
  );
}
