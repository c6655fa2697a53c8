// The record that `rkms init` writes into a new store to name its deployment. A store without it, or with another one's, is
// refused: a missing key there proves nothing, and creating it could make a second key for an id that exists (I7). It also
// says where records are written: two processes that write one replicated table in two regions would overwrite each other.
import { err, ok, type Result } from 'neverthrow';
import type { StoreForeign, StoreWrittenElsewhere } from '../failures/store-failures.js';
import type { Deployment, WritePlace } from '../ids.js';

export interface Genesis {
  readonly deployment: Deployment;
  /** Milliseconds since 1970 in UTC. */
  readonly createdAtMs: number;
  /** Absent for a store that is not replicated, and in records of earlier builds. */
  readonly writes?: WritePlace;
}

/** What a process is configured for: its deployment, and where it would write records. */
export type GenesisExpectation = Pick<Genesis, 'deployment' | 'writes'>;

/** Refuses a store of another deployment, and one whose records are written in another region than this process would. */
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
