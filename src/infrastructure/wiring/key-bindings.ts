// Binds what answers requests for keys: each service once, so that tests and architects can replace any of them.
import { randomBytes } from 'node:crypto';
import { okAsync } from 'neverthrow';
import type { ContainerModuleLoadOptions } from 'inversify';
import { auditTimeoutMs } from '../../application/access/append-audit-entry.js';
import { CreationQuotas } from '../../application/access/creation-quotas.js';
import { GuardedKeys } from '../../application/access/guarded-keys.js';
import { CreateKey, type CreationGate } from '../../application/keys/create-key.js';
import { KeyCache } from '../../application/keys/key-cache.js';
import { GetDataKey } from '../../application/keys/get-data-key.js';
import { UnwrapInAnyRegion } from '../../application/keys/unwrap-in-any-region.js';
import { WrapInEveryRegion } from '../../application/keys/wrap-in-every-region.js';
import { RegionCalls } from '../../application/regions/region-calls.js';
import { RegionSelector } from '../../application/regions/region-selector.js';
import { ConcurrencyLimit } from '../../application/resilience/concurrency-limit.js';
import { RecordCache } from '../../application/store/record-cache.js';
import { StoreCalls } from '../../application/store/store-calls.js';
import { AuditLog } from '../../ports/audit-log.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { KeyVaults } from '../../ports/key-vault.js';
import { Telemetry } from '../../ports/telemetry.js';
import { token } from '../../ports/token.js';
import { Tracer } from '../../ports/tracer.js';
import { expectedGenesis, type Config } from '../config/config.js';
import { creationShare } from '../config/worker-share.js';
import { creationLimitsOf } from '../config/schema/callers.js';
import { RecordCacheService, RepairBudgetService, RepairQueueService } from './maintenance-bindings.js';

export const GuardedKeysService = token<GuardedKeys>('GuardedKeys');
/** Calls of requests to regions: bounded, hedged, and counted for the budget of background repair. */
export const RequestCallsService = token<RegionCalls>('RequestCalls');
/** Calls of requests to the store. */
export const RequestStoreService = token<StoreCalls>('RequestStore');
/** What the start of the service sets: until then, or without it, everything is allowed. */
interface StoreVerification {
  /** Whether requests may use the store: false until it is known to be this deployment's. */
  isDone: () => boolean;
  /** Undefined: keys may be created. */
  gate?: CreationGate;
}
export const StoreVerification = token<StoreVerification>('StoreVerification');
export const CreateKeyService = token<CreateKey>('CreateKey');
export const KeyCacheService = token<KeyCache>('KeyCache');
export const GetDataKeyService = token<GetDataKey>('GetDataKey');

export function bindKeys(bind: ContainerModuleLoadOptions['bind'], config: Config): void {
  const settings = {
    ...expectedGenesis(config),
    quorum: config.keys.quorum,
    keyLength: config.keys.length_bytes,
    localRandom: (length: number) => randomBytes(length),
    minPauseMs: config.failover.min_pause_ms,
    maxPauseMs: config.failover.max_pause_ms,
    storeTimeoutMs: config.store.timeout_ms,
    auditTimeoutMs,
    // Every request has a deadline: the last region that may answer is waited for until then.
    hasDeadline: true,
    minProofMs: config.failover.max_timeout_ms,
    // Two thirds of a request's time: generating the key before it and storing it afterwards have the rest.
    wrapLimitMs: Math.round((config.server.request_timeout_ms * 2) / 3),
  };
  bind(RequestCallsService)
    .toResolvedValue(
      (vaults, selector, budget, clock, telemetry, tracer) =>
        new RegionCalls(vaults, selector, clock, telemetry, { ...settings, onCall: budget.earn }, tracer),
      [KeyVaults, RegionSelector, RepairBudgetService, Clock, Telemetry, Tracer],
    )
    .inSingletonScope();
  bind(StoreVerification).toConstantValue({ isDone: () => true });
  bind(RequestStoreService)
    .toResolvedValue(
      (repository, clock, telemetry, verification, tracer) => {
        const guarded = { ...settings, repeats: true, isVerified: () => verification.isDone() };
        return new StoreCalls(repository, clock, telemetry, guarded, tracer);
      },
      [KeyRepository, Clock, Telemetry, StoreVerification, Tracer],
    )
    .inSingletonScope();
  bind(RecordCacheService)
    .toResolvedValue(
      (store, clock, telemetry) => {
        const { records: maxRecords, max_stale_s } = config.cache;
        const limits = { maxRecords, freshMs: 300_000, maxStaleMs: max_stale_s * 1_000 };
        return new RecordCache(store, clock, limits, (id) => {
          telemetry.record({ event: 'record.lost', id });
        });
      },
      [RequestStoreService, Clock, Telemetry],
    )
    .inSingletonScope();
  bind(KeyCacheService)
    .toResolvedValue(
      (clock) => {
        const { ttl_s = 0, entries = 0 } = config.cache.keys ?? {};
        return new KeyCache(clock, { ttlMs: ttl_s * 1_000, maxKeys: entries });
      },
      [Clock],
    )
    .inSingletonScope()
    .onDeactivation((keys) => {
      keys.close();
    });
  bind(CreateKeyService)
    .toResolvedValue(
      (regions, store, clock, telemetry, verification, tracer) => {
        const wrapping = new WrapInEveryRegion(regions, settings, clock);
        const gate: CreationGate = {
          mayCreate: (id, signal) => verification.gate?.mayCreate(id, signal) ?? okAsync(),
          noteCreated: (key) => verification.gate?.noteCreated(key),
        };
        const guarded = { ...settings, gate };
        return new CreateKey(regions, wrapping, store, clock, telemetry, guarded, tracer);
      },
      [RequestCallsService, RequestStoreService, Clock, Telemetry, StoreVerification, Tracer],
    )
    .inSingletonScope();
  bind(GetDataKeyService)
    .toResolvedValue(
      (store, records, kept, creation, regions, repairs, telemetry) => {
        const unwrapping = new UnwrapInAnyRegion(regions, settings.deployment);
        const joined = (): void => {
          telemetry.record({ event: 'single-flight.joined' });
        };
        return new GetDataKey(
          store,
          records,
          kept,
          creation,
          unwrapping,
          regions,
          repairs.note,
          creationLimit(config),
          joined,
        );
      },
      [
        RequestStoreService,
        RecordCacheService,
        KeyCacheService,
        CreateKeyService,
        RequestCallsService,
        RepairQueueService,
        Telemetry,
      ],
    )
    .inSingletonScope();
  bind(GuardedKeysService)
    .toResolvedValue(
      (keys, audit, clock) => {
        const limits = creationLimitsOf(config.callers, config.creation);
        const quotas = new CreationQuotas((caller) => creationShare(limits(caller), config), clock);
        return new GuardedKeys(keys, audit, clock, settings, quotas);
      },
      [GetDataKeyService, AuditLog, Clock],
    )
    .inSingletonScope();
}

/** At most a quarter of the requests in flight may create keys: a flood of new ids leaves room for existing keys. */
const creationLimit = ({ server }: Config): ConcurrencyLimit =>
  new ConcurrencyLimit(Math.max(1, Math.floor(server.max_in_flight / 4)));
