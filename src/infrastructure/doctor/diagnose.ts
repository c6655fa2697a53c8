// One run of the doctor: everything is looked at once, what can be at the same time, and nothing is changed. What would end
// the start of the service because keys could leak by it also keeps the doctor from calling anybody.
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
import { checkSource, checkValidity } from './check-credentials.js';
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

/** Findings in the order in which one would ask: the program, the machine, the regions, the store, the callers. */
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
    const found = 'not asked: in this environment a call could give keys away';
    return [...program, ...(await checkMachine(examination)), regions.skipped('all', found)];
  }
  const [local, called] = await Promise.all([checkMachine(examination), checkCalled(examination)]);
  return [...program, ...called.machine, ...local, ...called.regions];
}

/** What is on this machine. */
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
    const found = `${folder} is not there yet: the first start makes it`;
    const above = existingFolder(folder);
    return [
      isEmbedded(config)
        ? subject.skipped('folder', found)
        : subject.warning(
            'folder',
            found,
            'on a machine that served before, mount or restore it: its tokens and audit log are in it',
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
  /** What the answers tell of this machine: its credentials and its clock. */
  readonly machine: readonly Finding[];
  readonly regions: readonly Finding[];
}

/** Whoever has to be called for it. */
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

/** How long connecting takes is looked at for itself: no other check is to fail by it. */
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

/** The providers are the same for every region. */
async function checkCredentials(
  config: Config,
  aws: RegionalClients,
  { machine, limitMs }: Examination,
): Promise<readonly Finding[]> {
  const kmsRegion = config.regions.find((each) => each.vault === 'aws-kms')?.name;
  const storeRegion = config.store.kind === 'dynamodb' ? config.store.regions[0].name : undefined;
  const region = kmsRegion ?? storeRegion;
  if (region === undefined) return [];
  const provider = () => aws.credentialsOf(region).get();
  return [await checkSource(provider, machine, AbortSignal.timeout(limitMs))];
}

function answersOf(reports: readonly (VaultReport | StoreRegionReport)[]): readonly Finding[] {
  const credentials = reports.flatMap((look) => look.credentials ?? []);
  const refused = credentials.filter((each) => each !== 'accepted');
  return [
    checkValidity(refused, credentials.length),
    checkClock(reports.flatMap(({ aheadMs }) => aheadMs ?? [])),
  ];
}

/** Whether keys can be had and made, whatever single regions do. */
function checkQuorum({ regions, keys: { quorum } }: Config, vaults: readonly VaultReport[]): Finding {
  const subject = new Subject('all regions');
  const usable = vaults.filter(({ isUsable }) => isUsable).length;
  const found = `${usable} of ${regions.length} can be used, and ${quorum} are needed for a new key`;
  if (usable >= quorum) return subject.ok('quorum', found);
  const hint = 'mend the regions below; a stored key opens as long as one region that holds it works';
  return subject.broken('quorum', `${found}: NO new key can be made`, hint);
}
