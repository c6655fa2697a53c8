// The composition root: which implementation stands behind which port. `bindAdapters` chooses by the configuration;
// `bindApplication` needs only the ports. Tests and architects bind their own adapters instead of those of the former.
import 'reflect-metadata';
import { ContainerModule, type Container } from 'inversify';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { AuditFile } from '../../adapters/audit-file/audit-file.js';
import { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { AwsKmsKeyVault } from '../../adapters/aws-kms/aws-kms-key-vault.js';
import { LocalKmsKeyVault } from '../../adapters/local-kms/local-kms-key-vault.js';
import { readMasterKey } from '../../adapters/local-kms/master-keys.js';
import { causeFacts } from '../../adapters/pino/log-facts.js';
import { OpenTelemetryTracer } from '../../adapters/opentelemetry/opentelemetry-tracer.js';
import { PinoTelemetry } from '../../adapters/pino/pino-telemetry.js';
import { PrometheusMetrics } from '../../adapters/prometheus/prometheus-metrics.js';
import { systemClock } from '../../adapters/system/system-clock.js';
import { TelemetryFanOut } from '../../adapters/system/telemetry-fan-out.js';
import { GuardedRegions } from '../../application/access/guarded-regions.js';
import { RegionSelector } from '../../application/regions/region-selector.js';
import { RegionSupervisor } from '../../application/regions/region-supervisor.js';
import { Canaries } from '../../application/regions/canaries.js';
import { AuditLog } from '../../ports/audit-log.js';
import { Authenticator } from '../../ports/authenticator.js';
import { Clock } from '../../ports/clock.js';
import type { Region } from '../../domain/ids.js';
import { KeyVaults, type KeyVault } from '../../ports/key-vault.js';
import { Metrics } from '../../ports/metrics.js';
import { noPeers, Peers } from '../../ports/peers.js';
import { Telemetry } from '../../ports/telemetry.js';
import { Tracer } from '../../ports/tracer.js';
import { token } from '../../ports/token.js';
import { authenticatorOf, openIssuers, type OpenIssuers } from './authentication.js';
import { connectionTo } from './aws-connection.js';
import { bindKeys } from './key-bindings.js';
import { bindRepairQueue } from './maintenance-bindings.js';
import { regionsOf, type Config, type RegionConfig } from '../config/config.js';
import { supervisorSettings } from '../config/schema/failover.js';
import { packageVersion } from './package-version.js';
import { bindStore, hasStoreRegions, StoreSupervisor } from './store-bindings.js';

export const GuardedRegionsService = token<GuardedRegions>('GuardedRegions');
export const Supervisor = token<RegionSupervisor>('RegionSupervisor');
export const Issuers = token<OpenIssuers>('Issuers');
/** Bound by `bindAdapters`: the clients for AWS, which share credentials and name resolution. */
export const AwsClients = token<RegionalClients>('RegionalClients');
export const RegionCanaries = token<Canaries>('Canaries');

export const masterKeyFolder = (config: Config): string => join(config.data_dir, 'master-keys');

/** Binds every port to what the configuration names. Nothing is opened before it is asked for. */
export const bindAdapters = (config: Config, logger: Logger, masterKeyOf = readMasterKey): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Clock).toConstantValue(systemClock);
    bind(Peers).toConstantValue(noPeers);
    const metrics = metricsOf(config);
    bind(Metrics).toConstantValue(metrics);
    bind(Telemetry).toConstantValue(new TelemetryFanOut([new PinoTelemetry(logger), metrics], toLog(logger)));
    bind(Tracer).toConstantValue(new OpenTelemetryTracer());
    bind(AuditLog)
      .toResolvedValue(
        (clock, telemetry) => auditFileOf(config, clock, telemetry, logger),
        [Clock, Telemetry],
      )
      .inSingletonScope()
      .onDeactivation((audit) => audit.close());
    bind(AwsClients).toConstantValue(
      new RegionalClients(
        systemClock,
        (warning) => {
          logger.warn({ warning }, 'the AWS SDK warns');
        },
        (region, { error, validForS }) => {
          const facts = { region, validForS, problem: error.message, hint: error.hint };
          logger.warn(facts, 'the AWS credentials cannot be renewed, and expire soon');
        },
      ),
    );
    bindStore(bind, config, AwsClients);
    bind(KeyVaults)
      .toResolvedValue(
        (aws) => config.regions.map((region) => vaultOf(region, config, aws, masterKeyOf)),
        [AwsClients],
      )
      .inSingletonScope();
    bind(Issuers)
      .toResolvedValue((clock) => openIssuers(config, clock, logger), [Clock])
      .inSingletonScope()
      .onDeactivation((issuers) => {
        issuers.stop();
      });
    bind(Authenticator)
      .toResolvedValue((clock, issuers) => authenticatorOf(config, issuers, clock, logger), [Clock, Issuers])
      .inSingletonScope();
  });

/** Binds the application to the ports. */
export const bindApplication = (config: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(RegionCanaries)
      .toResolvedValue((vaults) => new Canaries(vaults, config.deployment), [KeyVaults])
      .inSingletonScope();
    bind(Supervisor)
      .toResolvedValue(
        (canaries, clock, telemetry) => {
          const supervision = supervisorSettings(config.failover, config.kms.attempt_timeout_ms);
          const probe = (region: Region) => canaries.probe(region);
          return new RegionSupervisor(regionsOf(config), probe, clock, telemetry, supervision);
        },
        [RegionCanaries, Clock, Telemetry],
      )
      .inSingletonScope();
    bind(RegionSelector)
      .toResolvedValue((supervisor) => supervisor, [Supervisor])
      .inSingletonScope();
    bind(GuardedRegionsService)
      .toResolvedValue(
        (supervisor, audit, clock, peers) => new GuardedRegions(supervisor, audit, clock, 'region', peers),
        [Supervisor, AuditLog, Clock, Peers],
      )
      .inSingletonScope();
    bindRepairQueue(bind, config);
    bindKeys(bind, config);
  });

/** The supervisor of the regions of KMS, and that of the regions of the store. */
interface Supervisors {
  readonly kms: RegionSupervisor;
  readonly store: RegionSupervisor | undefined;
}

export const supervisorsOf = (container: Container): Supervisors => ({
  kms: container.get(Supervisor),
  store: hasStoreRegions(container) ? container.get(StoreSupervisor) : undefined,
});

const metricsOf = ({ keys, server }: Config): PrometheusMetrics =>
  new PrometheusMetrics({
    version: packageVersion(),
    nodeVersion: process.versions.node,
    quorum: keys.quorum,
    maxInFlight: server.max_in_flight,
  });

const toLog =
  (logger: Logger) =>
  (error: unknown, event: string): void => {
    logger.error({ event, error: causeFacts(error) }, 'a telemetry sink failed');
  };

function vaultOf(
  region: RegionConfig,
  config: Config,
  aws: RegionalClients,
  masterKeyOf: typeof readMasterKey,
): KeyVault {
  const { name } = region;
  if (region.vault === 'local-kms') {
    return new LocalKmsKeyVault(name, masterKeyOf(masterKeyFolder(config), name));
  }
  return new AwsKmsKeyVault(name, region.kms_key, aws.client('kms', connectionTo(region, config)));
}

function auditFileOf({ audit }: Config, clock: Clock, telemetry: Telemetry, logger: Logger): AuditFile {
  return AuditFile.open(audit.file, clock, {
    flush: audit.flush,
    maxBytes: audit.max_bytes,
    onHead: (file, { seq, hash }) => {
      logger.info({ file, anchor: `${seq}:${hash}` }, 'audit log anchor');
    },
    onFlush: (flush) => {
      telemetry.record({ event: 'audit.flushed', ...flush });
    },
  });
}
