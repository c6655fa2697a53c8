// Starts the service in the order in which its parts depend on each other, and stops it in reverse order. What prevents serving
// ends the start with an OperatorError, before the first connection is accepted.
import type { Container } from 'inversify';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { createApp } from '../../adapters/http/keys/key-routes.js';
import {
  createOperationsApp,
  type OperatedRegions,
} from '../../adapters/http/operations/operation-routes.js';
import { defaultLimits } from '../../adapters/http/server/connections.js';
import { listen, type ListenSettings, type RunningServer } from '../../adapters/http/server/server.js';
import { Tls } from '../../adapters/http/tls/tls.js';
import type { CertificateExpiry } from '../../adapters/http/tls/tls-material.js';
import { ensurePrivateFolder } from '../../adapters/files/private-files.js';
import { GuardedMetrics } from '../../application/access/guarded-metrics.js';
import { ConcurrencyLimit } from '../../application/resilience/concurrency-limit.js';
import { AuditLog } from '../../ports/audit-log.js';
import { Authenticator } from '../../ports/authenticator.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { KeyVaults } from '../../ports/key-vault.js';
import { Metrics } from '../../ports/metrics.js';
import { Peers } from '../../ports/peers.js';
import { Telemetry, type RequestAnswered } from '../../ports/telemetry.js';
import { Tracer } from '../../ports/tracer.js';
import { RecordCacheService, RepairQueueService } from '../wiring/maintenance-bindings.js';
import { checkRegions } from './check-regions.js';
import { checkTables } from './check-tables.js';
import { isEmbedded, regionsOf, type Config } from '../config/config.js';
import { AwsClients, GuardedRegionsService, RegionCanaries, supervisorsOf } from '../wiring/container.js';
import {
  GuardedKeysService,
  KeyCacheService,
  RequestStoreService,
  StoreVerification,
} from '../wiring/key-bindings.js';
import { bothListening } from './both-listening.js';
import { ensureFirstToken } from './first-token.js';
import { logRisks } from './log-risks.js';
import { openTls } from '../wiring/open-tls.js';
import { prepareStore } from './prepare-store.js';
import { CreationChecks } from './creation-checks.js';
import { StartCheck } from './start-check.js';
import { GuardedStoreRegions, hasStoreRegions, replicasOf } from '../wiring/store-bindings.js';
import type { ListenerTls } from '../config/schema/tls.js';

/** How long running requests may take to finish once the service stops. */
const graceMs = 25_000;

export interface RunningService {
  readonly url: string;
  readonly operationsUrl: string;
  /** Rejects with an OperatorError when a check that began as an outage ends in a refusal; resolves when keys are served. */
  readonly ready: Promise<void>;
  /** When the certificates of the listeners expire; empty without TLS. */
  certificates(): readonly CertificateExpiry[];
  /** Lets running requests finish, flushes the audit log and closes everything. */
  stop(): Promise<void>;
}

/** Serves what the container binds: `bindAdapters` and `bindApplication`, or other bindings to the same ports. */
export async function startService(
  container: Container,
  config: Config,
  logger: Logger,
): Promise<RunningService> {
  ensurePrivateFolder(config.data_dir);
  const clock = container.get(Clock);
  const creation = new CreationChecks(
    {
      clock,
      store: container.get(RequestStoreService),
      checkTables: () => checkTables(replicasOf(container), config, container.get(AwsClients), logger),
    },
    config,
    logger,
  );
  const checkStore = async (): Promise<void> => {
    await creation.checkTables();
    await prepareStore({ repository: container.get(KeyRepository), clock }, config);
  };
  const storeCheck = new StartCheck('store', checkStore, clock, logger);
  const verification = container.get(StoreVerification);
  verification.isDone = () => storeCheck.isPassed;
  verification.gate = creation;
  await storeCheck.begin();
  if (storeCheck.isPassed) await creation.begin();
  if (isEmbedded(config)) ensureFirstToken(config, clock.nowMs());
  const tlsFiles = openTls(config, clock, logger);
  const checkVaults = (): Promise<void> =>
    checkRegions(container.get(KeyVaults), container.get(RegionCanaries), config, logger);
  const regionCheck = new StartCheck('regions', checkVaults, clock, logger);
  await regionCheck.begin();
  const peers = container.get(Peers);
  const stopping = new AbortController();
  if (peers.isFirst !== false) logRisks(config, logger);
  else {
    // A further worker that is not ready would only take connections from those that are.
    await Promise.all([storeCheck.repeat(stopping.signal), regionCheck.repeat(stopping.signal)]);
    if (!creation.hasBegun) await creation.begin();
  }

  const audit = container.get(AuditLog);
  const { kms, store } = supervisorsOf(container);
  const inFlight = new ConcurrencyLimit(config.server.max_in_flight);
  let ready = true;
  const isReady = (): boolean =>
    ready && storeCheck.isPassed && creation.hasBegun && regionCheck.isPassed && audit.isWorking();
  const apps = createApps(container, config, {
    tls: tlsFiles && new Tls(tlsFiles),
    inFlight,
    isReady,
    mayCreate: () => creation.isPassed,
  });
  // The one subscription: the supervisors work as long as the service runs.
  const supervision = kms.order$.subscribe();
  supervision.add(store?.order$.subscribe());
  const repairs = container.get(RepairQueueService);
  const records = container.get(RecordCacheService);
  const kept = container.get(KeyCacheService);
  if (config.repair.background === 'on') repairs.start();
  const [server, operationsServer] = await bothListening(apps.listenKeys(), apps.listenOperations());
  tlsFiles?.watch();
  const storeRepeated = storeCheck.repeat(stopping.signal);
  const repeated = Promise.all([
    storeRepeated,
    regionCheck.repeat(stopping.signal),
    creation.repeat(stopping.signal, storeRepeated),
  ]);
  const certificates = (): readonly CertificateExpiry[] => tlsFiles?.material.expiries ?? [];
  const metrics = container.get(Metrics);
  peers.onMetrics(() => metrics.export());
  peers.onOrder(({ what, region, order }) => {
    (what === 'region' ? kms : store)?.command(region, order);
  });
  metrics.watch({
    peers,
    regions: () => kms.snapshot(),
    ...(store && { storeRegions: () => store.snapshot() }),
    recordCache: () => ({ records: records.size, reads: records.reads }),
    ...(config.cache.keys && { keyCache: () => ({ keys: kept.size, reads: kept.reads }) }),
    waitingRepairs: () => repairs.waitingKeys,
    requestsInFlight: () => inFlight.inUse,
    certificates,
    isAuditWorking: () => audit.isWorking(),
    missingKeys: () => creation.missingKeys,
    isReady,
  });
  return {
    url: server.url,
    operationsUrl: operationsServer.url,
    ready: repeated.then(() => undefined),
    certificates,
    stop: async () => {
      ready = false;
      stopping.abort();
      await Promise.all([server.stop(graceMs), operationsServer.stop(0)]);
      tlsFiles?.stop();
      supervision.unsubscribe();
      await repairs.stop();
      await container.unbindAllAsync();
    },
  };
}

interface Shared {
  readonly tls: Tls | undefined;
  readonly inFlight: ConcurrencyLimit;
  readonly isReady: () => boolean;
  readonly mayCreate: () => boolean;
}

interface Apps {
  readonly listenKeys: () => Promise<RunningServer>;
  readonly listenOperations: () => Promise<RunningServer>;
}

/** The applications of the two listeners, over what the container binds. */
function createApps(container: Container, config: Config, { tls, ...shared }: Shared): Apps {
  const telemetry = container.get(Telemetry);
  const parts = {
    authenticator: container.get(Authenticator),
    clock: container.get(Clock),
    tracer: container.get(Tracer),
    onRequest: (answered: RequestAnswered) => {
      telemetry.record(answered);
    },
    certificateOf: tls && ((socket: Socket) => tls.certificateOf(socket)),
  };
  const keys = createApp({
    ...parts,
    keys: container.get(GuardedKeysService),
    settings: { requestTimeoutMs: config.server.request_timeout_ms },
    ...shared,
  });
  const store = storeOperations(container, config);
  const operations = createOperationsApp({
    ...parts,
    guarded: container.get(GuardedRegionsService),
    regions: regionsOf(config),
    ...(store && { store }),
    metrics: new GuardedMetrics(container.get(Metrics), config.operations.metrics === 'public'),
  });
  const tlsOf = (listener: { readonly tls: ListenerTls }): Tls | undefined =>
    listener.tls === 'on' ? tls : undefined;
  const limits = {
    ...defaultLimits,
    maxConnections: config.server.max_connections,
    maxConnectionsPerAddress: config.server.max_connections_per_address,
    keepAliveMs: config.server.keep_alive_ms,
  };
  const { isFirst } = container.get(Peers);
  const bounded = (listener: 'server' | 'operations'): Omit<ListenSettings, 'host' | 'port'> => ({
    limits,
    ...(isFirst !== undefined && { sharing: isFirst ? 'first' : 'further' }),
    onRefused: (reason) => {
      telemetry.record({ event: 'connection.refused', listener, reason });
    },
  });
  return {
    listenKeys: () =>
      listen(keys, { ...config.server, ...bounded('server') }, 'server', tlsOf(config.server)),
    listenOperations: () =>
      listen(
        operations,
        { ...config.operations, ...bounded('operations') },
        'operations',
        tlsOf(config.operations),
      ),
  };
}

/** The store's regions as operators see them. */
function storeOperations(container: Container, { store }: Config): OperatedRegions | undefined {
  if (store.kind !== 'dynamodb' || !hasStoreRegions(container)) return undefined;
  return { guarded: container.get(GuardedStoreRegions), regions: store.regions.map(({ name }) => name) };
}
