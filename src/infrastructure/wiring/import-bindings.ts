// Binds what imports keys from another store. The same credentials are used for both stores; KMS endpoints of the source
// are those of the configured regions with the same names.
import { ContainerModule } from 'inversify';
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { dynamoDbSdkClient } from '../../adapters/aws/sdk-clients.js';
import { GoRkmsKeySource } from '../../adapters/go-rkms/go-rkms-key-source.js';
import { ImportKey } from '../../application/import/import-key.js';
import { OpenSourceEntry } from '../../application/import/open-source-entry.js';
import { RegionSelector } from '../../application/regions/region-selector.js';
import { CommitKey } from '../../application/keys/commit-key.js';
import { WrapInEveryRegion } from '../../application/keys/wrap-in-every-region.js';
import type { Region } from '../../domain/ids.js';
import { AuditLog, type ChangeAuthor } from '../../ports/audit-log.js';
import { Clock } from '../../ports/clock.js';
import { KeySource } from '../../ports/key-source.js';
import { KeyVaults } from '../../ports/key-vault.js';
import { token } from '../../ports/token.js';
import { connectionTo } from './aws-connection.js';
import { AwsClients } from './container.js';
import { RetryingCallsService, StoreCallsService } from './maintenance-bindings.js';
import { expectedGenesis, regionsOf, type Config } from '../config/config.js';

// CommitKey gets retrying calls: an import has time, and a key that a short outage left below the quorum would have to be
// imported again.
export const ImportKeyService = token<ImportKey>('ImportKey');

/** The table that keys are imported from. */
export interface ImportOrigin {
  readonly table: string;
  readonly region: Region;
  readonly endpoint?: string | undefined;
}

/** Needs what `bindMaintenance` binds; the audit log names `author`. */
export const bindImport = (
  config: Config,
  origin: ImportOrigin,
  author: ChangeAuthor,
  dryRun: boolean,
): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(KeySource)
      .toResolvedValue((aws) => sourceOf(config, origin, aws), [AwsClients])
      .inSingletonScope()
      .onDeactivation((source) => {
        if (source instanceof GoRkmsKeySource) source.close();
      });
    bind(ImportKeyService)
      .toResolvedValue(
        (source, store, vaults, guide, retrying, audit, clock) => {
          const { quorum } = config.keys;
          const regions = {
            vaults,
            call: retrying.call.bind(retrying),
            isEjected: guide.isEjected.bind(guide),
          };
          const committing = new CommitKey(new WrapInEveryRegion(regions, { quorum }), store, clock);
          const attemptTimeoutMs = config.kms.attempt_timeout_ms;
          const opening = new OpenSourceEntry(source, clock, { attemptTimeoutMs });
          const parts = { source, opening, committing, store, audit, clock, author };
          return new ImportKey(parts, {
            ...expectedGenesis(config),
            quorum,
            regions: regionsOf(config),
            dryRun,
          });
        },
        [KeySource, StoreCallsService, KeyVaults, RegionSelector, RetryingCallsService, AuditLog, Clock],
      )
      .inSingletonScope();
  });

/** Opens no connection before the first call. KMS clients are made per region that an item names. */
function sourceOf(
  config: Config,
  { table, region, endpoint }: ImportOrigin,
  aws: RegionalClients,
): GoRkmsKeySource {
  const endpoints = new Map(
    config.regions.flatMap((each) =>
      each.vault === 'aws-kms' && each.endpoint !== undefined ? [[each.name, each.endpoint] as const] : [],
    ),
  );
  return new GoRkmsKeySource(`dynamodb ${region} ${table}`, table, {
    dynamodb: dynamoDbSdkClient(aws, connectionTo({ name: region, endpoint }, config)),
    kmsOf: (name) => aws.client('kms', connectionTo({ name, endpoint: endpoints.get(name) }, config)),
  });
}
