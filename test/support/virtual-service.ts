// The whole application in virtual time: three scripted regions, a watched store, and recorders for everything that is
// reported. No network, no disk, no real timer.
import { CreateKey } from '../../src/application/keys/create-key.js';
import { CreationQuotas } from '../../src/application/access/creation-quotas.js';
import { GetDataKey } from '../../src/application/keys/get-data-key.js';
import { GuardedKeys } from '../../src/application/access/guarded-keys.js';
import { RegionCalls } from '../../src/application/regions/region-calls.js';
import { ConcurrencyLimit } from '../../src/application/resilience/concurrency-limit.js';
import { KeyCache } from '../../src/application/keys/key-cache.js';
import { RecordCache } from '../../src/application/store/record-cache.js';
import { StoreCalls } from '../../src/application/store/store-calls.js';
import { RetryingCalls } from '../../src/application/maintenance/retrying-calls.js';
import { RecordChanges } from '../../src/application/maintenance/record-changes.js';
import { RepairKey } from '../../src/application/maintenance/repair-key.js';
import { untraced } from '../../src/application/resilience/spans.js';
import { UnwrapInAnyRegion } from '../../src/application/keys/unwrap-in-any-region.js';
import { VerifyKey } from '../../src/application/maintenance/verify-key.js';
import { WrapInEveryRegion } from '../../src/application/keys/wrap-in-every-region.js';
import type { CreationLimits } from '../../src/domain/access/creation-quota.js';
import { dataKeyLengths } from '../../src/domain/keys/data-key.js';
import { encryptionContext } from '../../src/domain/keys/encryption-context.js';
import { firstVersion, type KeyId } from '../../src/domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../../src/domain/keys/key-record.js';
import type { KeyVault } from '../../src/ports/key-vault.js';
import type { Tracer } from '../../src/ports/tracer.js';
import { ManualClock } from './manual-clock.js';
import { callerId, deployment, keyId } from './names.js';
import { RecordingAuditLog } from './recording-audit-log.js';
import { RecordingRegionSelector } from './recording-region-selector.js';
import { RecordingTelemetry } from './recording-telemetry.js';
import { keyOf } from './sample-keys.js';
import { threeRegions } from './scripted-vault.js';
import { WatchedRepository } from './watched-repository.js';
import type { RepairDebt } from '../../src/domain/keys/repair-plan.js';

export const attemptTimeoutMs = 800;
export const hedgeAfterMs = 300;
export const minPauseMs = 50;
export const maxPauseMs = 200;
export const storeTimeoutMs = 500;
export const auditTimeoutMs = 300;
export const maxCreations = 250;
export const cacheFreshMs = 300_000;
export const cacheMaxStaleMs = 3_600_000;
export const ours = deployment('test');

const keyLength = dataKeyLengths[1];

/** For whom repairs are done. */
export const author = { caller: callerId('rkms'), method: 'test', requestId: 'request-1' };

/** The signal of somebody who waits for ever. */
export const patience = (): AbortSignal => new AbortController().signal;

export class VirtualService {
  readonly clock = new ManualClock();
  readonly vaults = threeRegions();
  readonly store = new WatchedRepository();
  readonly telemetry = new RecordingTelemetry();
  readonly audit = new RecordingAuditLog();
  readonly guide = new RecordingRegionSelector(
    this.vaults.map(({ region }) => region),
    { attemptTimeoutMs, hedgeAfterMs },
  );
  readonly regions: RegionCalls;
  readonly storeCalls: StoreCalls;
  readonly wrapping: WrapInEveryRegion;
  readonly unwrapping: UnwrapInAnyRegion;
  readonly creation: CreateKey;
  /** Of every caller; none that a test would notice. */
  creationLimits: CreationLimits = { perSecond: 1e6, burst: 1e6, perDay: 1e6 };
  /** What reads found to be repaired. */
  readonly debts: RepairDebt[] = [];
  /** How many records each process keeps. */
  cachedRecords = 0;
  /** Ids of kept records that the store no longer had. */
  readonly lost: KeyId[] = [];
  /** How many requests waited for the answer to another one's. */
  joins = 0;

  constructor(quorum = 2, tracer: Tracer = untraced) {
    const { vaults, guide, clock, telemetry } = this;
    // Zeros change no key: tests see in the answer what a region generated.
    const localRandom = (length: number) => new Uint8Array(length);
    const settings = { quorum, deployment: ours, keyLength, localRandom, minPauseMs, maxPauseMs };
    this.regions = new RegionCalls(vaults, guide, clock, telemetry, settings, tracer);
    // Tests of the whole application look at what happened to keys and regions: the store's calls are recorded elsewhere.
    const unrecorded = { record: () => undefined };
    this.storeCalls = new StoreCalls(this.store, clock, unrecorded, { storeTimeoutMs }, tracer);
    this.wrapping = new WrapInEveryRegion(this.regions, { quorum });
    this.unwrapping = new UnwrapInAnyRegion(this.regions, ours);
    const { regions, wrapping, storeCalls } = this;
    this.creation = new CreateKey(regions, wrapping, storeCalls, clock, telemetry, settings, tracer);
  }

  /** Gives the store its genesis record. */
  async initialise(owner = ours): Promise<this> {
    await this.store.inner.initialise({ deployment: owner, createdAtMs: 0 }, patience());
    return this;
  }

  /** The cache of records of one process; of 0 records: there is none. */
  records(maxRecords = this.cachedRecords): RecordCache {
    const limits = { maxRecords, freshMs: cacheFreshMs, maxStaleMs: cacheMaxStaleMs };
    return new RecordCache(this.storeCalls, this.clock, limits, (id) => this.lost.push(id));
  }

  /** The key cache of one process; without a time, there is none. */
  keys(ttlMs = 0, maxKeys = ttlMs === 0 ? 0 : 100): KeyCache {
    return new KeyCache(this.clock, { ttlMs, maxKeys });
  }

  /** One process's use case: each has flights of its own. */
  process(records = this.records(), kept = this.keys()): GetDataKey {
    return new GetDataKey(
      this.storeCalls,
      records,
      kept,
      this.creation,
      this.unwrapping,
      this.regions,
      (debt) => this.debts.push(debt),
      new ConcurrencyLimit(maxCreations),
      () => (this.joins += 1),
    );
  }

  /** As the commands have it: patient with regions. */
  verifying(): VerifyKey {
    return new VerifyKey(this.vaults, new RetryingCalls(this.regions, this.clock), ours);
  }

  /** As the queue beside a served process has it. */
  repairing({ dropRemoved = false, dryRun = false, quorum = 2 } = {}): RepairKey {
    const { vaults, regions, guide, unwrapping, telemetry } = this;
    const changes = new RecordChanges(this.storeCalls, this.audit, this.clock, author);
    const verifying = new VerifyKey(vaults, regions, ours);
    const parts = { vaults, calls: regions, guide, verifying, unwrapping, changes, telemetry };
    return new RepairKey(parts, { deployment: ours, quorum, dropRemoved, dryRun });
  }

  guarded(): GuardedKeys {
    const quotas = new CreationQuotas(() => this.creationLimits, this.clock);
    return new GuardedKeys(this.process(), this.audit, this.clock, { auditTimeoutMs }, quotas);
  }

  /** A record of `id` with this plaintext, wrapped by `vaults` without leaving a trace in what is recorded. */
  async recordOf(
    id: string,
    plaintext: Uint8Array,
    vaults: readonly KeyVault[] = this.vaults,
    version = firstVersion,
  ): Promise<KeyRecord> {
    const key = keyOf(plaintext);
    const name = { deployment: ours, id: keyId(id), version };
    const commitment = key.commitmentFor(name.id, version);
    const context = encryptionContext(name, commitment);
    const ciphertexts = await Promise.all(
      vaults.map(async (vault) => (await vault.encrypt(key, context, patience()))._unsafeUnwrap()),
    );
    this.forget();
    return newKeyRecord({ id: name.id, version, commitment, createdAtMs: 0 }, ciphertexts);
  }

  /** Stores what `recordOf` makes. */
  async stored(
    id: string,
    plaintext: Uint8Array,
    vaults: readonly KeyVault[] = this.vaults,
  ): Promise<KeyRecord> {
    const record = await this.recordOf(id, plaintext, vaults);
    return (await this.store.inner.insert(record, patience()))._unsafeUnwrap();
  }

  /** How many calls of any sort the vaults have seen. */
  get vaultCallCount(): number {
    return this.vaults.reduce((sum, vault) => sum + vault.calls.length, 0);
  }

  private forget(): void {
    for (const vault of this.vaults) {
      vault.calls.length = 0;
      vault.signals.length = 0;
    }
  }
}
