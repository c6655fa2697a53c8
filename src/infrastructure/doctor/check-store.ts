// The DynamoDB store as a whole: every region is asked at once, then the tables are judged together, by the rules that the
// start goes by.
import type { Region } from '../../domain/ids.js';
import type { DynamoDbConfig } from '../config/config.js';
import {
  tableRefusals,
  tableWarnings,
  type InspectedTable,
  type TableAspect,
} from '../startup/assess-tables.js';
import { refuseForeign } from '../startup/prepare-store.js';
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import type { RegionalClients } from '../../adapters/aws/regional-clients.js';
import { checkStoreRegion, storeSubject, type StoreRegionLook } from './check-store-region.js';
import type { Examination } from './examination.js';
import type { Finding } from './finding.js';

export async function checkStore(
  replicas: readonly DynamoDbReplica[],
  store: DynamoDbConfig,
  aws: RegionalClients,
  examination: Examination,
): Promise<readonly StoreRegionLook[]> {
  const looks = await Promise.all(
    replicas.map((replica) => checkStoreRegion(replica, store, aws, examination)),
  );
  const seen = looks.flatMap((look) => look.seen ?? []);
  return looks.map((look) =>
    look.seen === undefined
      ? look
      : { ...look, findings: [...look.findings, ...judged(look.seen, seen, store, examination)] },
  );
}

function judged(
  table: InspectedTable,
  all: readonly InspectedTable[],
  store: DynamoDbConfig,
  examination: Examination,
): readonly Finding[] {
  const subject = storeSubject(table.region);
  // What stands in the way of reading was told already.
  if (table.failure !== undefined) return [];
  const refusals = tableRefusals(all, store).filter(({ region }) => region === table.region);
  const warnings = tableWarnings(table, store);
  const problems = [
    ...refusals.map(({ aspect, message, hint }) => subject.broken(aspect, message, hint)),
    ...warnings.map(({ aspect, message, hint }) => subject.warning(aspect, message, hint)),
  ];
  const told = [...refusals, ...warnings].map(({ aspect }) => aspect);
  const genesis = told.includes('genesis') ? [] : [checkGenesis(table, examination)];
  return [...genesis, ...problems, ...wellAspects(table, told)];
}

function checkGenesis({ region, genesis }: InspectedTable, { config }: Examination): Finding {
  const subject = storeSubject(region);
  const { refused } = subject.started('genesis', () => refuseForeign(genesis, config, false));
  const place = genesis?.writes === undefined ? '' : `, written ${writtenAt(genesis.writes)}`;
  return refused ?? subject.ok('genesis', `of the deployment "${config.deployment}"${place}`);
}

const writtenAt = (writes: 'anywhere' | Region): string =>
  writes === 'anywhere' ? 'in every region' : `in ${writes}`;

/** Of what nothing bad was said, and which was looked at. */
function wellAspects(
  { region, facts, isRecoverable }: InspectedTable,
  told: readonly TableAspect[],
): readonly Finding[] {
  const subject = storeSubject(region);
  const well = (aspect: TableAspect, found: string): readonly Finding[] =>
    told.includes(aspect) ? [] : [subject.ok(aspect, found)];
  return [
    ...(facts === undefined
      ? []
      : [
          ...well('table', 'is active'),
          ...well('keys', 'id (S) and version (N)'),
          ...well('consistency', facts.isStrong ? 'strong in several regions' : 'of an ordinary table'),
          ...well('protection', 'it cannot be deleted'),
        ]),
    ...(isRecoverable === true ? well('recovery', 'to any second of the last weeks') : []),
  ];
}
