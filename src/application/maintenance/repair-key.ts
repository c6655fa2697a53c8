// Repairs one record: opens every copy, encrypts the key again where a copy is missing or unreadable, proves each new copy,
// and writes by compare-and-set. The number of proven copies never falls (I6), and a plaintext that fails its commitment is
// never repaired from (I4).
import { err, ok, type Result } from 'neverthrow';
import { encryptionContext } from '../../domain/keys/encryption-context.js';
import type { FailedAttempt } from '../../domain/failures/region-failures.js';
import type { RepairFailure } from '../../domain/failures/key-failures.js';
import type { Deployment, Region } from '../../domain/ids.js';
import { goodRegions, statusOf, type CopyCheck } from '../../domain/keys/copy-check.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import { droppable, planRepair, type RepairPlan } from '../../domain/keys/repair-plan.js';
import type { KeyVault } from '../../ports/key-vault.js';
import type { Telemetry } from '../../ports/telemetry.js';
import { hasChanges, noChange, type RecordChange, type RecordChanges } from './record-changes.js';
import type { RegionCalls } from '../regions/region-calls.js';
import type { RegionSelector } from '../regions/region-selector.js';
import type { UnwrapInAnyRegion } from '../keys/unwrap-in-any-region.js';
import type { VerifyKey } from './verify-key.js';
import { wrapAndProve } from '../keys/wrap-and-prove.js';
import type { Finding } from './tally.js';

export interface RepairSettings {
  readonly deployment: Deployment;
  readonly quorum: number;
  /** Whether copies of regions that are no longer configured are removed, from records that are complete without them. */
  readonly dropRemoved: boolean;
  /** Opens every copy and says what would change, but writes nothing. */
  readonly dryRun: boolean;
}

/** What was changed in one record (in a dry run: what would be), and what could not be repaired. */
export interface KeyRepair extends RecordChange {
  /** Regions that still have no good copy, and why. */
  readonly failed: readonly FailedAttempt[];
  /** Why the repair as a whole failed. */
  readonly failure?: RepairFailure;
}

interface Wrapped {
  readonly ciphertexts: readonly RegionalCiphertext[];
  readonly failed: readonly FailedAttempt[];
}

/** The services that a repair uses. */
export interface RepairParts {
  readonly vaults: readonly KeyVault[];
  readonly calls: Pick<RegionCalls, 'call'>;
  readonly guide: Pick<RegionSelector, 'isEjected'>;
  readonly verifying: VerifyKey;
  readonly unwrapping: UnwrapInAnyRegion;
  readonly changes: RecordChanges;
  readonly telemetry: Telemetry;
}

/** A record that other processes keep changing is given up after this many attempts. */
const maxAttempts = 4;

export class RepairKey {
  constructor(
    private readonly parts: RepairParts,
    private readonly settings: RepairSettings,
  ) {}

  /** Never fails. `record` may be outdated: a refused write reads it again. */
  async repair(record: KeyRecord, signal: AbortSignal): Promise<KeyRepair> {
    const repair = await this.repairCurrent(record, signal);
    if (!this.settings.dryRun) this.report(record, repair, signal);
    return repair;
  }

  /** Tries again while other processes change the record in between; `done` is what earlier attempts changed. */
  private async repairCurrent(
    record: KeyRecord,
    signal: AbortSignal,
    done: RecordChange = noChange,
    attempts = 1,
  ): Promise<KeyRepair> {
    const { stale, ...attempt } = await this.attempt(record, signal);
    const repair: KeyRepair = { ...attempt, ...merged(done, attempt) };
    if (!stale) return repair;
    if (attempts === maxAttempts) return { ...repair, failure: { kind: 'store.revision-stale' } };
    const found = await this.parts.changes.read(record, signal);
    if (found.isErr()) return { ...repair, failure: found.error };
    return this.repairCurrent(found.value, signal, repair, attempts + 1);
  }

  /** `stale`: another process changed the record first. */
  private async attempt(
    record: KeyRecord,
    signal: AbortSignal,
  ): Promise<KeyRepair & { readonly stale: boolean }> {
    const check = await this.parts.verifying.check(record, signal);
    const plan = planRepair(check, (region) => this.parts.guide.isEjected(region));
    const wanted = [...plan.missing, ...plan.unreadable];
    const nothing = { ...noChange, failed: plan.failed, stale: false };
    const unrepairable = whyUnrepairable(check);
    if (unrepairable) return { ...nothing, failure: unrepairable };
    if (this.settings.dryRun) return { ...nothing, ...this.changeFor(record, check, plan, wanted) };
    const wrapped = await this.wrapIn(wanted, record, signal);
    if (wrapped.isErr()) return { ...nothing, failure: wrapped.error };
    const { ciphertexts, failed } = wrapped.value;
    const proven = ciphertexts.map(({ region }) => region);
    const change = this.changeFor(record, check, plan, proven);
    const written = await this.parts.changes.write(record, ciphertexts, change, signal);
    return { ...written, failed: [...plan.failed, ...failed] };
  }

  /** What there is to write, given the regions that have proven their new copies. */
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
    if (regions.length === 0) return ok({ ciphertexts: [], failed: [] });
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
      const failed = outcomes.flatMap(({ region, wrapped }) =>
        wrapped.isErr() ? [{ region, failure: wrapped.error }] : [],
      );
      return ok({ ciphertexts, failed });
    } finally {
      key.wipe();
    }
  }

  /** An aborted repair is not reported as failed. */
  private report({ id, version }: KeyRecord, repair: KeyRepair, signal: AbortSignal): void {
    const { telemetry } = this.parts;
    const { added, replaced, dropped, failed, failure } = repair;
    if (hasChanges(repair)) {
      telemetry.record({ event: 'key.repaired', id, version, added, replaced, dropped });
    }
    if (signal.aborted || (failure === undefined && failed.length === 0)) return;
    telemetry.record({ event: 'key.repair-failed', id, version, failed, ...(failure && { failure }) });
  }
}

/** What the report of `rkms repair` says of a key; `repair` is the failure's kind when the record could not be read. */
export function repairFinding(name: string, repair: KeyRepair | string): Finding {
  if (typeof repair === 'string') return { name, problem: { kind: repair } };
  const { added, replaced, dropped, failed, failure } = repair;
  const regions = { added, replaced, dropped, failed: failed.map(({ region }) => region) };
  const copies = Object.entries(regions).flatMap(([change, where]) =>
    where.map((region) => [region, change] as const),
  );
  const detail = failed.map((each) => `${each.region} ${each.failure.kind}`).join(', ');
  const problem = failure ? { kind: failure.kind } : { kind: 'incomplete', detail };
  const hasProblem = failure !== undefined || failed.length > 0;
  return { name, copies, outcomes: hasChanges(repair) ? ['changed'] : [], ...(hasProblem && { problem }) };
}

/** Why no copy of the record can be repaired from; undefined when one is good. */
function whyUnrepairable(check: CopyCheck): RepairFailure | undefined {
  if (goodRegions(check).length > 0) return undefined;
  const attempts = check.flatMap(({ region, state }) =>
    'failure' in state ? [{ region, failure: state.failure }] : [],
  );
  if (statusOf(check) !== 'lost') return { kind: 'regions.exhausted', attempts };
  const detail = `tried ${attempts.map(({ region }) => region).join(', ')}`;
  return { kind: 'key.unreadable', reason: 'no-copy-opens', detail };
}

const merged = (before: RecordChange, now: RecordChange): RecordChange => ({
  added: [...before.added, ...now.added],
  replaced: [...before.replaced, ...now.replaced],
  dropped: [...before.dropped, ...now.dropped],
});
