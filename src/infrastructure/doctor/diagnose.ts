// One run of the doctor: every check runs once, in parallel where possible, and changes nothing. In an environment that
// could disclose keys, the doctor makes no calls, just as the service does not start.
import { Container } from 'inversify';
import { existsSync } from 'node:fs';
import { pino } from 'pino';
import { isEmbedded, usesAws, type Config } from '../config/config.js';
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { AwsClients, bindAdapters } from '../wiring/container.js';
import { StoreReplicas } from '../wiring/store-bindings.js';
import { checkAudit } from './check-audit.js';
import { checkIssuer, checkTokens } from './check-callers.js';
import { checkClock } from './check-clock.js';
import { checkSources, checkValidity, lacksCredentials } from './check-credentials.js';
import { checkFlush, checkFolder, checkSpace, existingFolder } from './check-disk.js';
import { checkLocalVault } from './check-local-vault.js';
import { checkConfiguration, checkEnvironment, checkNode } from './check-program.js';
import { checkSqlite } from './check-sqlite.js';
import { checkStore } from './check-store.js';
import type { StoreRegionReport } from './check-store-region.js';
import { checkTls } from './check-tls.js';
import { checkVault, type VaultReport } from './check-vault.js';
import type { Examination } from './examination.js';
import { Subject, type Finding } from '../checks/finding.js';
import type { Machine } from './machine.js';

export interface DiagnosisOptions {
  /** The path of the configuration file. */
  readonly config: string;
  readonly limitMs: number;
  readonly readsOnly: boolean;
}

/** Findings in this order: the program, the machine, the regions, the store, the callers. */
export async function diagnose(
  { config: path, limitMs, readsOnly }: DiagnosisOptions,
  machine: Machine,
): Promise<readonly Finding[]> {
  const configured = checkConfiguration(path, machine);
  if (configured.isErr()) return [checkNode(machine), ...configured.error];
  const { config, findings } = configured.value;
  const environment = checkEnvironment(config, machine);
  const examination = { config, machine, limitMs, readsOnly };
  const program = [checkNode(machine), ...findings, environment];
  if (environment.severity === 'broken') {
    const regions = new Subject('regions');
    const found = 'not checked: in this environment, a call could disclose keys';
    return [...program, ...(await checkMachine(examination)), regions.skipped('all', found)];
  }
  const [local, called] = await Promise.all([checkMachine(examination), checkCalled(examination)]);
  return [...program, ...called.machine, ...local, ...called.regions];
}

/** The checks that need nothing but this machine. */
async function checkMachine(examination: Examination): Promise<readonly Finding[]> {
  const { config } = examination;
  return [
    ...(await checkDataFolder(examination)),
    ...(await checkAudit(examination)),
    ...checkTls(examination),
    ...(config.store.kind === 'sqlite' ? await checkSqlite(config.store, examination) : []),
    ...checkTokens(examination),
  ];
}

async function checkDataFolder({ config, machine }: Examination): Promise<readonly Finding[]> {
  const subject = new Subject('data folder');
  const folder = config.data_dir;
  if (!existsSync(folder)) {
    const found = `${folder} does not exist yet: the first start creates it`;
    const above = existingFolder(folder);
    return [
      isEmbedded(config)
        ? subject.skipped('folder', found)
        : subject.warning(
            'folder',
            found,
            'on a machine that has served before, mount or restore it: it holds the tokens and the audit log',
          ),
      await checkSpace(subject, above, machine),
    ];
  }
  const permissions = checkFolder(subject, folder, machine);
  if (permissions.some(({ severity }) => severity === 'broken')) return permissions;
  return [
    ...permissions,
    await checkSpace(subject, folder, machine),
    await checkFlush(subject, folder, machine),
  ];
}

interface Called {
  /** What the answers show about this machine: credentials and clock. */
  readonly machine: readonly Finding[];
  readonly regions: readonly Finding[];
}

/** The checks that call regions, stores and issuers. */
async function checkCalled(examination: Examination): Promise<Called> {
  const { config } = examination;
  const container = new Container();
  container.load(bindAdapters(patient(examination), pino({ level: 'silent' })));
  const replicas = config.store.kind === 'dynamodb' ? container.get(StoreReplicas) : [];
  const aws = container.get(AwsClients);
  try {
    const [vaults, stores, issuers, source] = await Promise.all([
      Promise.all(config.regions.map((region) => checkRegion(region, aws, examination))),
      config.store.kind === 'dynamodb' ? checkStore(replicas, config.store, aws, examination) : [],
      Promise.all((config.issuers ?? []).map((issuer) => checkIssuer(issuer, examination))),
      usesAws(config) ? checkCredentials(config, aws, examination) : [],
    ]);
    return {
      machine: [...source, ...(usesAws(config) ? answersOf([...vaults, ...stores]) : [])],
      regions: [
        checkQuorum(config, vaults),
        ...vaults.flatMap(({ findings }) => findings),
        ...stores.flatMap(({ findings }) => findings),
        ...issuers.flat(),
      ],
    };
  } finally {
    await container.unbindAllAsync();
  }
}

/** Connecting has a check of its own, so the connect timeout must not fail any other check. */
const patient = ({ config, limitMs }: Examination): Config => ({
  ...config,
  kms: { ...config.kms, connect_timeout_ms: limitMs },
});

async function checkRegion(
  region: Config['regions'][number],
  aws: RegionalClients,
  examination: Examination,
): Promise<VaultReport> {
  return region.vault === 'local-kms'
    ? checkLocalVault(region.name, examination)
    : checkVault(region, aws, examination);
}

async function checkCredentials(
  config: Config,
  aws: RegionalClients,
  { machine, limitMs }: Examination,
): Promise<readonly Finding[]> {
  const kms = config.regions.filter(({ vault }) => vault === 'aws-kms');
  const names = [...kms, ...(config.store.kind === 'dynamodb' ? config.store.regions : [])].map(
    ({ name }) => name,
  );
  const providers = new Map(names.map((name) => [name, () => aws.credentialsOf(name).get()]));
  return checkSources(providers, machine, limitMs);
}

function answersOf(reports: readonly (VaultReport | StoreRegionReport)[]): readonly Finding[] {
  const credentials = reports.flatMap((look) => look.credentials ?? []);
  const asked = credentials.filter((each) => each !== 'none');
  return [
    checkValidity(
      asked.filter((each) => each !== 'accepted'),
      asked.length,
    ),
    checkClock(reports.flatMap(({ aheadMs }) => aheadMs ?? [])),
  ];
}

/** Can keys be created with the regions that are usable now? */
function checkQuorum({ regions, keys: { quorum } }: Config, vaults: readonly VaultReport[]): Finding {
  const subject = new Subject('all regions');
  const usable = vaults.filter(({ isUsable }) => isUsable).length;
  const found = `${usable} of ${regions.length} can be used, and ${quorum} are needed for a new key`;
  if (usable >= quorum) return subject.ok('quorum', found);
  const others = vaults.filter(({ isUsable }) => !isUsable);
  if (others.every(({ credentials }) => credentials !== undefined && credentials !== 'accepted'))
    return lacksCredentials(subject, 'quorum');
  const hint = 'repair the regions below; stored keys can be opened while one region that holds them works';
  return subject.broken('quorum', `${found}: NO new key can be created`, hint);
}
