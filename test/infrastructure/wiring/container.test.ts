// The composition root: every port has its implementation, and whoever binds their own is served by it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { errAsync } from 'neverthrow';
import { pino } from 'pino';
import { AuditFile } from '../../../src/adapters/audit-file/audit-file.js';
import { AwsKmsKeyVault } from '../../../src/adapters/aws-kms/aws-kms-key-vault.js';
import { LocalKmsKeyVault } from '../../../src/adapters/local-kms/local-kms-key-vault.js';
import { createMasterKey } from '../../../src/adapters/local-kms/master-keys.js';
import { PrometheusMetrics } from '../../../src/adapters/prometheus/prometheus-metrics.js';
import { SqliteKeyRepository } from '../../../src/adapters/sqlite/sqlite-key-repository.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { TelemetryFanOut } from '../../../src/adapters/system/telemetry-fan-out.js';
import { ConfiguredCallers } from '../../../src/application/access/configured-callers.js';
import { ReplicatedRepository } from '../../../src/application/store/replicated-repository.js';
import { GuardedKeys } from '../../../src/application/access/guarded-keys.js';
import { RegionSelector } from '../../../src/application/regions/region-selector.js';
import {
  expectedGenesis,
  parseConfig,
  regionsOf,
  type Config,
} from '../../../src/infrastructure/config/config.js';
import {
  bindAdapters,
  bindApplication,
  masterKeyFolder,
} from '../../../src/infrastructure/wiring/container.js';
import { GuardedKeysService } from '../../../src/infrastructure/wiring/key-bindings.js';
import { ensureFirstToken } from '../../../src/infrastructure/startup/first-token.js';
import { startService } from '../../../src/infrastructure/startup/service.js';
import { AuditLog } from '../../../src/ports/audit-log.js';
import { Authenticator } from '../../../src/ports/authenticator.js';
import { Clock } from '../../../src/ports/clock.js';
import { KeyRepository } from '../../../src/ports/key-repository.js';
import { KeyVaults } from '../../../src/ports/key-vault.js';
import { Metrics } from '../../../src/ports/metrics.js';
import { noPeers, Peers } from '../../../src/ports/peers.js';
import { Telemetry } from '../../../src/ports/telemetry.js';
import { ask } from '../../support/http-client.js';
import { InMemoryKeyRepository } from '../../support/in-memory-key-repository.js';
import { freePorts } from '../../support/served-process.js';
import { WatchedRepository } from '../../support/watched-repository.js';

const logger = pino({ level: 'silent' });
let folder: string;
let container: Container;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rkms-container-'));
  container = new Container();
});
afterEach(async () => {
  await container.unbindAllAsync();
  rmSync(folder, { recursive: true });
});

const configOf = (path: string): Config =>
  parseConfig(readFileSync(path, 'utf8'), { RKMS_DATA_DIR: folder, ...freePorts })._unsafeUnwrap();

describe('the production bindings', () => {
  it('of the embedded default resolve every token, each to one and the same object', () => {
    const config = configOf('config/rkms.toml');
    for (const region of regionsOf(config)) createMasterKey(masterKeyFolder(config), region);
    ensureFirstToken(config, 0);
    container.load(bindAdapters(config, logger), bindApplication(config));
    expect(container.get(Clock)).toBe(systemClock);
    expect(container.get(Telemetry)).toBeInstanceOf(TelemetryFanOut);
    expect(container.get(Metrics)).toBeInstanceOf(PrometheusMetrics);
    expect(container.get(AuditLog)).toBeInstanceOf(AuditFile);
    expect(container.get(Authenticator)).toBeInstanceOf(ConfiguredCallers);
    expect(container.get(KeyRepository)).toBeInstanceOf(SqliteKeyRepository);
    expect(container.get(GuardedKeysService)).toBeInstanceOf(GuardedKeys);
    expect(container.get(RegionSelector).order()).toEqual(['us-east-1', 'us-east-2', 'us-west-2']);
    const vaults = container.get(KeyVaults);
    expect(vaults.every((vault) => vault instanceof LocalKmsKeyVault)).toBe(true);
    expect(vaults.map(({ region }) => region)).toEqual(regionsOf(config));
    for (const token of [
      AuditLog,
      Authenticator,
      KeyRepository,
      KeyVaults,
      RegionSelector,
      GuardedKeysService,
    ]) {
      expect(container.get<unknown>(token)).toBe(container.get<unknown>(token));
    }
  });

  it('of the AWS example put one KMS client per region and DynamoDB behind the ports', () => {
    const config = configOf('config/aws.toml');
    ensureFirstToken(config, 0);
    container.load(bindAdapters(config, logger), bindApplication(config));
    const vaults = container.get(KeyVaults);
    expect(vaults.every((vault) => vault instanceof AwsKmsKeyVault)).toBe(true);
    expect(vaults.map(({ region }) => region)).toEqual(regionsOf(config));
    expect(container.get(KeyRepository)).toBeInstanceOf(ReplicatedRepository);
    expect(container.get(GuardedKeysService)).toBeInstanceOf(GuardedKeys);
  });

  it('open nothing before it is asked for', () => {
    const config = configOf('config/rkms.toml');
    container.load(
      bindAdapters({ ...config, data_dir: '/dev/null/nowhere' }, logger),
      bindApplication(config),
    );
    expect(container.isBound(KeyRepository)).toBe(true);
  });
});

describe("an architect's store", () => {
  it('is used in place of the configured one, for every record', async () => {
    const config = configOf('config/rkms.toml');
    const store = new WatchedRepository();
    container.load(bindAdapters(config, logger), bindApplication(config));
    container.rebind(KeyRepository).toConstantValue(store);
    const service = await startService(container, config, logger);
    const token = readFileSync(join(folder, 'token'), 'utf8').trim();
    const answer = await ask(service.url, {
      target: '/key?id=a',
      headers: { authorization: `Bearer ${token}` },
    });
    await service.stop();
    expect([answer.status, [...store.rows.keys()]]).toEqual([200, ['a 1']]);
    expect(store.calls).toEqual([
      'genesis',
      'genesis',
      'page',
      'initialise',
      'page',
      'genesis',
      'genesis',
      'find',
      'insert',
    ]);
  });

  it.each([
    ['the only process, and the first worker, listen while the store is out', noPeers, 503],
    ['a further worker listens when its checks have passed', { ...noPeers, isFirst: false }, 200],
  ])('%s', async (_, peers, status) => {
    const config = configOf('config/rkms.toml');
    for (const region of regionsOf(config)) createMasterKey(masterKeyFolder(config), region);
    const store = new WatchedRepository();
    await store.inner.initialise(
      { ...expectedGenesis(config), createdAtMs: 0 },
      new AbortController().signal,
    );
    let outages = 1;
    store.instead.genesis = (...asked) =>
      outages-- > 0
        ? errAsync({ kind: 'store.unavailable', cause: undefined })
        : store.inner.genesis(...asked);
    container.load(bindAdapters(config, logger), bindApplication(config));
    container.rebind(KeyRepository).toConstantValue(store);
    container.rebind(Peers).toConstantValue(peers);
    const service = await startService(container, config, logger);
    const answer = await ask(service.url, { target: '/readyz' });
    await service.stop();
    expect(answer.status).toBe(status);
  });

  it('of the wrong type does not compile', () => {
    const wrong = { find: () => undefined };
    // @ts-expect-error -- a repository has more to it than that
    container.bind(KeyRepository).toConstantValue(wrong);
    // @ts-expect-error -- a store is no clock
    container.bind(Clock).toConstantValue(new InMemoryKeyRepository());
    // @ts-expect-error -- a factory of a port needs the ports that it declares
    container.bind(Telemetry).toResolvedValue((clock: Clock) => clock, [KeyRepository]);
    expect(container.isBound(KeyRepository)).toBe(true);
  });
});
