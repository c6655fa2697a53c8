// The store's birth certificate. A store without one, or with another deployment's, is not ours: looking there and
// finding no key proves nothing, and making a key there could make a second one for an id that exists.
import { err, ok, type Result } from 'neverthrow';
import type { StoreForeign } from './failures.js';
import type { Deployment } from './ids.js';

export interface Genesis {
  readonly deployment: Deployment;
  /** Milliseconds since 1970 in UTC. */
  readonly createdAtMs: number;
}

/** Whether the store that holds `found` belongs to `deployment`. */
export function checkGenesis(
  found: Genesis | undefined,
  deployment: Deployment,
): Result<Genesis, StoreForeign> {
  if (found?.deployment === deployment) return ok(found);
  return err({ kind: 'store.foreign', expected: deployment, found: found?.deployment });
}
