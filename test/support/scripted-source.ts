// A store of another make in memory: its copies are opened by scripted vaults, so that they are sealed for real, may fail
// as a test says, and every plaintext that was handed out can be looked at afterwards.
import { errAsync, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type { DataKey } from '../../src/domain/keys/data-key.js';
import { generationContext } from '../../src/domain/keys/encryption-context.js';
import type { SourceEntryUnreadable } from '../../src/domain/failures/key-failures.js';
import type { StoreReadFailure } from '../../src/domain/failures/store-failures.js';
import type { VaultFailure } from '../../src/domain/failures/region-failures.js';
import { firstVersion, type Region } from '../../src/domain/ids.js';
import type { KeySource, SourceCopies, SourceEntry, SourcePage } from '../../src/ports/key-source.js';
import { deployment, keyId } from './names.js';
import { keyOf } from './sample-keys.js';
import { ScriptedVault, threeRegions } from './scripted-vault.js';

/** One and the same for all entries: as good as none. */
const noContext = generationContext({
  deployment: deployment('any'),
  id: keyId('any'),
  version: firstVersion,
});

export class ScriptedSource implements KeySource {
  readonly name = 'scripted';
  readonly vaults = threeRegions();
  readonly entries: SourceEntry[] = [];

  /** Adds an entry whose copies hold these plaintexts, in the order of the vaults; undefined leaves a region out. */
  async add(id: string, ...plaintexts: readonly (Uint8Array | undefined)[]): Promise<SourceEntry> {
    const copies = new Map<Region, Uint8Array>();
    for (const [index, plaintext] of plaintexts.entries()) {
      const vault = this.vaults[index];
      if (vault === undefined || plaintext === undefined) continue;
      const sealed = await vault.encrypt(keyOf(plaintext), noContext, new AbortController().signal);
      copies.set(vault.region, sealed._unsafeUnwrap().bytes);
    }
    return this.keep(id, ok(copies));
  }

  keep(id: string, copies: Result<SourceCopies, SourceEntryUnreadable>): SourceEntry {
    const entry = { id, copies };
    this.entries.push(entry);
    return entry;
  }

  page(
    after: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): ResultAsync<SourcePage, StoreReadFailure> {
    if (signal.aborted) return errAsync({ kind: 'call.aborted' });
    const from = Number(after ?? 0);
    const entries = this.entries.slice(from, from + limit);
    return okAsync(
      from + limit < this.entries.length ? { entries, next: String(from + limit) } : { entries },
    );
  }

  open(bytes: Uint8Array, region: Region, signal: AbortSignal): ResultAsync<DataKey, VaultFailure> {
    const vault = this.vaults.find((each) => each.region === region);
    if (vault === undefined) return errAsync({ kind: 'region.unavailable', reason: 'dns' });
    return vault.decrypt({ region, kmsKey: '', bytes }, noContext, signal);
  }

  /** Every plaintext that left the source. */
  get handedOut(): readonly DataKey[] {
    return this.vaults.flatMap((vault: ScriptedVault) => vault.handedOut);
  }
}
