// Brings one record back to full: opens every copy, opens the key where it opens, wraps and proves it where it does not, and
// writes by compare-and-set. The number of proven copies never falls (I6), and a plaintext that fails its commitment is
// never repaired from (I4).
import { err, ok, type Result } from 'neverthrow';
import { encryptionContext } from '../../domain/keys/encryption-context.js';
import type { FailedAttempt } from '../../domain/failures/region-failures.js';
import type { RepairFailure } from '../../domain/failures/key-failures.js';
import type { Deployment, Region } from '../../domain/ids.js';
import { goodRegions, standingOf, type CopyCheck } from '../../domain/keys/copy-check.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import { droppable, planRepair, type RepairPlan } from '../../domain/keys/repair-plan.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Telemetry } from '../../ports/telemetry.js';
import { noChange, type RecordChange, type RecordChanges } from './record-changes.js';
import type { RegionCalls } from '../regions/region-calls.js';
import type { RegionSelector } from '../regions/region-selector.js';
import type { UnwrapInAnyRegion } from '../keys/unwrap-in-any-region.js';
import type { VerifyKey } from './verify-key.js';
import { wrapAndProve } from '../keys/wrap-and-prove.js';

export interface RepairSettings {
  readonly deployment: Deployment;
  readonly quorum: number;
  /** Whether ciphertexts of regions that left the configuration are taken out of records that are whole without them. */
  readonly dropRemoved: boolean;
  /** Looks, and says what would be done. */
  readonly dryRun: boolean;
}

/** What was done to one record (in a dry run: what would be), and what is left to do. */
export interface KeyRepair extends RecordChange {
  /** What was found before anything was done. */
  readonly check: CopyCheck;
  /** Regions that still lack a good copy, and why. */
  readonly left: readonly FailedAttempt[];
  /** Why the record could not be repaired as a whole. */
  readonly failure?: RepairFailure;
}

/** One look at the record; `stale` when somebody else changed it meanwhile, and another look is due. */
interface Look extends KeyRepair {
  readonly stale: boolean;
}

interface Wrapped {
  readonly ciphertexts: readonly RegionalCiphertext[];
  readonly left: readonly FailedAttempt[];
}

/** What a repair is done with. */
export interface RepairParts {
  readonly vaults: readonly KeyVault[];
  readonly calls: Pick<RegionCalls, 'call'>;
  readonly guide: Pick<RegionSelector, 'isEjected'>;
  readonly verifying: VerifyKey;
  readonly unwrapping: UnwrapInAnyRegion;
  readonly changes: RecordChanges;
  readonly telemetry: Telemetry;
}

/** How often a record that others keep changing is looked at. */
const mostLooks = 4;

export class RepairKey {
  constructor(
    private readonly parts: RepairParts,
    private readonly settings: RepairSettings,
  ) {}

  /** Never fails; `record` may have been read a while ago. */
  repair(record: KeyRecord, signal: AbortSignal): Promise<KeyRepair> {
    return this.repairFrom(record, noChange, 1, signal);
  }

  private async repairFrom(
    record: KeyRecord,
    before: RecordChange,
    looks: number,
    signal: AbortSignal,
  ): Promise<KeyRepair> {
    const { stale, ...look } = await this.look(record, signal);
    const repair = { ...look, ...together(before, look) };
    if (!stale) return this.told(record, signal, repair);
    if (looks === mostLooks) {
      return this.told(record, signal, { ...repair, failure: { kind: 'store.revision-stale' } });
    }
    const found = await this.parts.changes.read(record, signal);
    return found.isOk()
      ? this.repairFrom(found.value, repair, looks + 1, signal)
      : this.told(record, signal, { ...repair, failure: found.error });
  }

  private async look(record: KeyRecord, signal: AbortSignal): Promise<Look> {
    const check = await this.parts.verifying.check(record, signal);
    const plan = planRepair(check, (region) => this.parts.guide.isEjected(region));
    const look = { ...noChange, check, left: plan.left, stale: false };
    const hopeless = whyHopeless(check);
    if (hopeless) return { ...look, failure: hopeless };
    if (this.settings.dryRun) return { ...look, ...this.changeFor(record, check, plan, wantedBy(plan)) };
    const wrapped = await this.wrapIn(wantedBy(plan), record, signal);
    if (wrapped.isErr()) return { ...look, failure: wrapped.error };
    const { ciphertexts, left } = wrapped.value;
    const proven = ciphertexts.map(({ region }) => region);
    const change = this.changeFor(record, check, plan, proven);
    const written = await this.parts.changes.write(record, ciphertexts, change, signal);
    return { ...look, ...written, left: [...plan.left, ...left] };
  }

  /** What there is to write once the regions of `proven` have proven their new copies. */
  private changeFor(
    record: KeyRecord,
    check: CopyCheck,
    { missing, unreadable }: RepairPlan,
    proven: readonly Region[],
  ): RecordChange {
    const configured = this.parts.vaults.map(({ region }) => region);
    const holding = [...goodRegions(check), ...proven];
    return {
      added: missing.filter((region) => proven.includes(region)),
      replaced: unreadable.filter((region) => proven.includes(region)),
      dropped: this.settings.dropRemoved ? droppable(record, configured, holding, this.settings.quorum) : [],
    };
  }

  /** New ciphertexts of the key, each proven by its region. */
  private async wrapIn(
    regions: readonly Region[],
    record: KeyRecord,
    signal: AbortSignal,
  ): Promise<Result<Wrapped, RepairFailure>> {
    if (regions.length === 0) return ok({ ciphertexts: [], left: [] });
    const opened = await this.parts.unwrapping.open(record, signal);
    if (opened.isErr()) return err(opened.error);
    const { key } = opened.value;
    try {
      const { id, version, commitment } = record;
      const context = encryptionContext({ deployment: this.settings.deployment, id, version }, commitment);
      const outcomes = await Promise.all(
        this.parts.vaults
          .filter(({ region }) => regions.includes(region))
          .map(async (vault) => ({
            region: vault.region,
            wrapped: await wrapAndProve(this.parts.calls, vault, key, context, signal),
          })),
      );
      const ciphertexts = outcomes.flatMap(({ wrapped }) => (wrapped.isOk() ? [wrapped.value] : []));
      const left = outcomes.flatMap(({ region, wrapped }) =>
        wrapped.isErr() ? [{ region, failure: wrapped.error }] : [],
      );
      return ok({ ciphertexts, left });
    } finally {
      key.wipe();
    }
  }

  /** A repair that was broken off is no news. */
  private told({ id, version }: KeyRecord, signal: AbortSignal, repair: KeyRepair): KeyRepair {
    const { added, replaced, dropped, left, failure } = repair;
    if (this.settings.dryRun) return repair;
    if (added.length + replaced.length + dropped.length > 0) {
      this.parts.telemetry.record({ event: 'key.repaired', id, version, added, replaced, dropped });
    }
    if (!signal.aborted && (failure !== undefined || left.length > 0)) {
      this.parts.telemetry.record({
        event: 'key.repair-failed',
        id,
        version,
        left,
        ...(failure && { failure }),
      });
    }
    return repair;
  }
}

const wantedBy = ({ missing, unreadable }: RepairPlan): readonly Region[] => [...missing, ...unreadable];

/** Why there is nothing to repair from. */
function whyHopeless(check: CopyCheck): RepairFailure | undefined {
  if (goodRegions(check).length > 0) return undefined;
  const attempts = check.flatMap(({ region, state }) =>
    'failure' in state ? [{ region, failure: state.failure }] : [],
  );
  if (standingOf(check) !== 'lost') return { kind: 'regions.exhausted', attempts };
  const detail = `tried ${attempts.map(({ region }) => region).join(', ')}`;
  return { kind: 'key.unreadable', reason: 'no-copy-opens', detail };
}

const together = (before: RecordChange, now: RecordChange): RecordChange => ({
  added: [...before.added, ...now.added],
  replaced: [...before.replaced, ...now.replaced],
  dropped: [...before.dropped, ...now.dropped],
});
