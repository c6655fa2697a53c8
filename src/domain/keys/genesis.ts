// The store's birth certificate. A store without one, or with another deployment's, is not ours: looking there and
// finding no key proves nothing, and making a key there could make a second one for an id that exists. It also says where
// records are written, because two processes that write one replicated table in two regions would overwrite each other.
import { err, ok, type Result } from 'neverthrow';
import type { StoreForeign, StoreWrittenElsewhere } from '../failures/store-failures.js';
import type { Deployment, WritePlace } from '../ids.js';

export interface Genesis {
  readonly deployment: Deployment;
  /** Milliseconds since 1970 in UTC. */
  readonly createdAtMs: number;
  /** Absent for a store that is in one place only, and in records of earlier builds. */
  readonly writes?: WritePlace;
}

/** What a process is configured to: whose store it wants, and where it would write. */
export type GenesisExpectation = Pick<Genesis, 'deployment' | 'writes'>;

/** Whether the store that holds `found` is the expected deployment's, and written where we would write. */
export function checkGenesis(
  found: Genesis | undefined,
  { deployment, writes }: GenesisExpectation,
): Result<Genesis, StoreForeign | StoreWrittenElsewhere> {
  if (found?.deployment !== deployment) {
    return err({ kind: 'store.foreign', expected: deployment, found: found?.deployment });
  }
  const agrees = found.writes === undefined || writes === undefined || found.writes === writes;
  return agrees ? ok(found) : err({ kind: 'store.written-elsewhere', expected: writes, found: found.writes });
}
