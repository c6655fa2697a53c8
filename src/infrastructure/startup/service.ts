// Starts the service in the order in which its parts depend on each other, and stops it in the opposite one. Whatever
// stands in the way of serving ends the start with a OperatorError, before the first connection is accepted.
import type { Container } from 'inversify';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { createApp } from '../../adapters/http/keys/key-routes.js';
import {
  createOperationsApp,
  type OperatedRegions,
} from '../../adapters/http/operations/operation-routes.js';
import { listen } from '../../adapters/http/server/server.js';
import { Tls } from '../../adapters/http/tls/tls.js';
import type { CertificateExpiry } from '../../adapters/http/tls/tls-material.js';
import { ensurePrivateFolder } from '../../adapters/files/private-files.js';
import { GuardedMetrics } from '../../application/access/guarded-metrics.js';
import type { RegionSupervisor } from '../../application/regions/region-supervisor.js';
import { ReplicatedRepository } from '../../application/store/replicated-repository.js';
import { ConcurrencyLimit } from '../../application/resilience/concurrency-limit.js';
import { AuditLog } from '../../ports/audit-log.js';
import { Authenticator } from '../../ports/authenticator.js';
import { Clock } from '../../ports/clock.js';
import { KeyRepository } from '../../ports/key-repository.js';
import { Metrics, type MetricsSources } from '../../ports/metrics.js';
import { Telemetry, type RequestAnswered } from '../../ports/telemetry.js';
import type { Token } from '../../ports/token.js';
import { Tracer } from '../../ports/tracer.js';
import { RepairQueueService } from '../wiring/maintenance-bindings.js';
import { checkRegions } from './check-regions.js';
import { checkTables } from './check-tables.js';
import { isEmbedded, regionsOf, type Config } from '../config/config.js';
import { isLoopback } from '../config/schema/rules.js';
import {
  GuardedKeysService,
  GuardedRegionsService,
  masterKeyFolder,
  Supervisor,
} from '../wiring/container.js';
import { ensureFirstToken } from './first-token.js';
import { openTls } from '../wiring/open-tls.js';
import { prepareStore } from './prepare-store.js';
import { GuardedStoreRegions, StoreSupervisor } from '../wiring/store-bindings.js';
import type { ListenerTls } from '../config/schema/tls.js';

/** How long running requests may take to finish once the service stops. */
const graceMs = 25_000;

export interface RunningService {
  readonly url: string;
  readonly operationsUrl: string;
  /** When the certificates that TLS is spoken with end; none without TLS. */
  certificates(): readonly CertificateExpiry[];
  /** Lets running requests finish, flushes the audit log and lets go of everything. */
  stop(): Promise<void>;
}

/** Serves what the container binds; `bindAdapters` and `bindApplication`, or other bindings to the same ports. */
export async function startService(
  container: Container,
  config: Config,
  logger: Logger,
): Promise<RunningService> {
  ensurePrivateFolder(config.data_dir);
  await checkTables(container, config, logger);
  await prepareStore(container, config);
  if (isEmbedded(config)) ensureFirstToken(config, container.get(Clock).nowMs());
  const tlsFiles = openTls(config, container.get(Clock), logger);
  const tls = tlsFiles && new Tls(tlsFiles);
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
  await checkRegions(container, config, logger);
  noteRisks(config, logger);
  let ready = true;
  const metrics = container.get(Metrics);
  const audit = container.get(AuditLog);
  const isReady = (): boolean => ready && audit.isWorking();
  const inFlight = new ConcurrencyLimit(config.server.max_in_flight);
  const app = createApp({
    ...parts,
    keys: container.get(GuardedKeysService),
    settings: { requestTimeoutMs: config.server.request_timeout_ms },
    inFlight,
    isReady,
  });
  const guarded = container.get(GuardedRegionsService);
  const store = storeOperations(container, config);
  const operations = createOperationsApp({
    ...parts,
    guarded,
    regions: regionsOf(config),
    ...(store && { store }),
    metrics: new GuardedMetrics(metrics, config.operations.metrics === 'public'),
  });
  // The one subscription: the supervisors work as long as the service does.
  const supervision = container.get(Supervisor).order$.subscribe();
  if (store) supervision.add(container.get(StoreSupervisor).order$.subscribe());
  const repairs = container.get(RepairQueueService);
  if (config.repair.background === 'on') repairs.start();
  const tlsOf = (listener: { readonly tls: ListenerTls }): Tls | undefined =>
    listener.tls === 'on' ? tls : undefined;
  const operationsServer = await listen(
    operations,
    config.operations,
    'operations',
    tlsOf(config.operations),
  );
  const server = await listen(app, config.server, 'server', tlsOf(config.server));
  tlsFiles?.watch();
  const certificates = (): readonly CertificateExpiry[] => tlsFiles?.material.expiries ?? [];
  metrics.watch({
    ...regionSources(container, store !== undefined),
    waitingRepairs: () => repairs.waitingKeys,
    requestsInFlight: () => inFlight.inUse,
    certificates,
    isAuditWorking: () => audit.isWorking(),
    isReady,
  });
  return {
    url: server.url,
    operationsUrl: operationsServer.url,
    certificates,
    stop: async () => {
      ready = false;
      await Promise.all([server.stop(graceMs), operationsServer.stop(0)]);
      tlsFiles?.stop();
      supervision.unsubscribe();
      await repairs.stop();
      await container.unbindAllAsync();
    },
  };
}

/** The store's regions as operators see them, where the store is ours and in several. */
function storeOperations(container: Container, { store }: Config): OperatedRegions | undefined {
  if (store.kind !== 'dynamodb' || !(container.get(KeyRepository) instanceof ReplicatedRepository))
    return undefined;
  return { guarded: container.get(GuardedStoreRegions), regions: store.regions.map(({ name }) => name) };
}

/** How the regions are, those of the store where it is in several. */
function regionSources(
  container: Container,
  severalStores: boolean,
): Pick<MetricsSources, 'regions' | 'storeRegions'> {
  const of =
    (supervisor: Token<RegionSupervisor>): MetricsSources['regions'] =>
    () =>
      container.get(supervisor).snapshot();
  return { regions: of(Supervisor), ...(severalStores && { storeRegions: of(StoreSupervisor) }) };
}

/** What an operator should have decided on purpose. */
function noteRisks(config: Config, logger: Logger): void {
  const local = config.regions.flatMap(({ name, vault }) => (vault === 'local-kms' ? [name] : []));
  if (local.length > 0) {
    const facts = { regions: local, folder: masterKeyFolder(config) };
    logger.warn(facts, 'these regions are local: whoever reads the master keys on this disk reads all keys');
  }
  const { operations } = config;
  if (operations.metrics === 'public' && !isLoopback(operations.host)) {
    logger.warn({ host: operations.host }, 'whoever reaches the operators’ listener can read the metrics');
  }
  const { host, tls } = config.server;
  if (tls === 'terminated-elsewhere' && !isLoopback(host)) {
    logger.warn(
      { host },
      'keys travel unencrypted from here to what terminates TLS, and other machines can connect',
    );
  }
}
