// The DynamoDB store as a whole: all regions are checked in parallel, then the tables are assessed together, with the same
// rules as at the start of the service.
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import type { Region } from '../../domain/ids.js';
import {
  assessTables,
  type InspectedTable,
  type TableCheck,
  type TableProblem,
} from '../checks/assess-tables.js';
import type { Finding } from '../checks/finding.js';
import { requireOwnGenesis } from '../startup/prepare-store.js';
import type { DynamoDbConfig } from '../config/config.js';
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import { checkKnownKeys } from './check-known-keys.js';
import { checkStoreRegion, storeSubject, type StoreRegionReport } from './check-store-region.js';
import type { Examination } from './examination.js';

export async function checkStore(
  replicas: readonly DynamoDbReplica[],
  store: DynamoDbConfig,
  aws: RegionalClients,
  examination: Examination,
): Promise<readonly StoreRegionReport[]> {
  const reports = await Promise.all(
    replicas.map((replica) => checkStoreRegion(replica, store, aws, examination)),
  );
  const problems = assessTables(
    reports.flatMap(({ table }) => table ?? []),
    store,
  );
  const known = await knownKeysIn(replicas, reports, store, examination);
  return reports.map((report) =>
    report.table === undefined
      ? report
      : {
          ...report,
          findings: [
            ...report.findings,
            ...tableFindings(report.table, problems, examination),
            ...(report === known?.report ? known.findings : []),
          ],
        },
  );
}

/** Looked up in the first region that answers and is written: another may lag behind. */
async function knownKeysIn(
  replicas: readonly DynamoDbReplica[],
  reports: readonly StoreRegionReport[],
  { mode }: DynamoDbConfig,
  examination: Examination,
): Promise<{ readonly report: StoreRegionReport; readonly findings: readonly Finding[] } | undefined> {
  const report = reports.find(
    ({ table }) => table?.genesis !== undefined && (mode.kind !== 'home' || mode.home === table.region),
  );
  const replica = replicas.find(({ region }) => region === report?.table?.region);
  const genesis = report?.table?.genesis;
  if (!report || !replica || !genesis) return undefined;
  const subject = storeSubject(replica.region);
  return { report, findings: await checkKnownKeys(subject, replica.repository, genesis, examination) };
}

function tableFindings(
  table: InspectedTable,
  all: readonly TableProblem[],
  examination: Examination,
): readonly Finding[] {
  // The check of the region has reported this failure already.
  if (table.failure !== undefined) return [];
  const subject = storeSubject(table.region);
  const problems = all.filter(({ region }) => region === table.region);
  const reported = new Set(problems.map(({ check }) => check));
  return [
    ...(reported.has('genesis') ? [] : [genesisFinding(table, examination)]),
    ...problems.map(({ severity, check, found, hint }) => subject[severity](check, found, hint)),
    ...healthyFindings(table, reported),
  ];
}

function genesisFinding({ region, genesis }: InspectedTable, { config }: Examination): Finding {
  const subject = storeSubject(region);
  const { refused } = subject.attempt('genesis', () => requireOwnGenesis(genesis, config));
  const place = genesis?.writes === undefined ? '' : `, written ${writtenAt(genesis.writes)}`;
  return refused ?? subject.ok('genesis', `of the deployment "${config.deployment}"${place}`);
}

const writtenAt = (writes: 'anywhere' | Region): string =>
  writes === 'anywhere' ? 'in every region' : `in ${writes}`;

/** The checks that were made and found no problem. */
function healthyFindings(
  { region, facts, isRecoverable }: InspectedTable,
  reported: ReadonlySet<TableCheck>,
): readonly Finding[] {
  const passed: readonly (readonly [TableCheck, string])[] = [
    ...(facts === undefined
      ? []
      : ([
          ['table', 'is active'],
          ['keys', 'id (S) and version (N)'],
          ['consistency', facts.isStrong ? 'strong in several regions' : 'of an ordinary table'],
          ['protection', 'it cannot be deleted'],
        ] as const)),
    ...(isRecoverable === true ? [['recovery', 'to any second of the last weeks'] as const] : []),
  ];
  return passed
    .filter(([check]) => !reported.has(check))
    .map(([check, found]) => storeSubject(region).ok(check, found));
}
