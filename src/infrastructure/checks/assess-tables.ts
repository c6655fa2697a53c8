// Is the DynamoDB table, in every configured region, what the configuration needs? Anything that could lead to two keys for
// one id is `broken`; a region that does not answer, or a check that IAM does not allow, is only a warning (I9). Calls
// nothing: `rkms serve` and `rkms doctor` inspect the tables, then both apply these rules.
import type { TableFacts } from '../../adapters/dynamodb/describe-table.js';
import { isDenied } from '../../adapters/dynamodb/dynamodb-failures.js';
import { failureFacts } from '../../adapters/pino/log-facts.js';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { Region } from '../../domain/ids.js';
import type { DynamoDbConfig } from '../config/config.js';

/** What one region answered. A value is undefined when its call failed; `failure` is that of reading the genesis record. */
export interface InspectedTable {
  readonly region: Region;
  readonly facts: TableFacts | undefined;
  /** Whether AWS answered that this process may not describe the table: waiting does not change that. */
  readonly isDenied: boolean;
  /** Whether point-in-time recovery is on. */
  readonly isRecoverable: boolean | undefined;
  readonly genesis: Genesis | undefined;
  readonly failure: StoreReadFailure | undefined;
}

export type TableCheck =
  'table' | 'keys' | 'consistency' | 'replicas' | 'genesis' | 'protection' | 'recovery';

export interface TableProblem {
  readonly region: Region;
  readonly severity: 'broken' | 'warning';
  readonly check: TableCheck;
  readonly found: string;
  /** What to do. */
  readonly hint: string;
  /** Of a broken one: AWS did not answer, so a later answer may repair it. Until then keys can be read, but not created. */
  readonly mayPass?: true;
  /** For the log. */
  readonly facts?: object;
  readonly cause?: unknown;
}

/** The broken ones come first, in the order in which an operator should repair them. */
export const assessTables = (
  tables: readonly InspectedTable[],
  store: DynamoDbConfig,
): readonly TableProblem[] => [
  ...tables.flatMap((table) => unsuitable(table, store)),
  ...differentTables(tables, store),
  ...unboundReplicas(tables, store),
  ...unprovenStrong(tables, store),
  ...tables.flatMap((table) => warnings(table, store)),
];

type Report = (check: TableCheck, found: string, hint: string, more?: object) => TableProblem;

const reporting =
  (region: Region, severity: TableProblem['severity'], prefix = ''): Report =>
  (check, found, hint, more) => ({ region, severity, check, found: prefix + found, hint, ...more });

/** Does not change by waiting: a missing table, the wrong keys, less consistency than the mode needs. */
function unsuitable(
  { region, facts, failure }: InspectedTable,
  { table, mode, regions }: DynamoDbConfig,
): readonly TableProblem[] {
  const broken = reporting(region, 'broken', `the table "${table}" in ${region} `);
  // With mode = "single", the start reads the genesis record from the same region, and reports the failure itself.
  if (mode.kind !== 'single' && failure?.kind === 'store.misconfigured' && !isDenied(failure.cause)) {
    return [broken('table', 'cannot be used', failure.detail, { cause: failure.cause })];
  }
  if (facts === undefined) return [];
  const known = [region, ...facts.replicas];
  const missing = regions.map(({ name }) => name).filter((name) => !known.includes(name));
  const problems: TableProblem[] = [];
  if (!facts.hasRightKeys) {
    const hint = 'create a table with the partition key id (S) and the sort key version (N)';
    problems.push(broken('keys', 'has the wrong keys', hint));
  }
  if (mode.kind === 'strong' && !facts.isStrong) {
    const found = 'does not have multi-Region strong consistency, which mode = "strong" needs';
    const hint = 'create a global table that has it (docs/stores.md), or use mode = "home"';
    problems.push(broken('consistency', found, hint));
  }
  if (missing.length > 0) {
    const hint = 'add the replica to the table, or remove the region from [[store.regions]]';
    problems.push(broken('replicas', `has no replica in ${missing.join(', ')}`, hint));
  }
  return problems;
}

/**
 * Multi-Region strong consistency is a property of the whole global table, so one region can prove it for all. If none did, two
 * processes might create two keys for one id: the operator must state that the table has it.
 */
function unprovenStrong(
  tables: readonly InspectedTable[],
  { table, mode }: DynamoDbConfig,
): readonly TableProblem[] {
  const [first] = tables;
  if (mode.kind !== 'strong' || first === undefined || tables.some(({ facts }) => facts)) return [];
  const because = 'DescribeTable was not answered in any region';
  if (mode.isAssumed) {
    const found = `multi-Region strong consistency of the table is assumed (assume_strong), not proven: ${because}`;
    const hint = 'allow dynamodb:DescribeTable on the table, and remove assume_strong';
    return [reporting(first.region, 'warning')('consistency', found, hint)];
  }
  const found = `the table "${table}" is not proven to have multi-Region strong consistency: ${because}`;
  const hint =
    'allow dynamodb:DescribeTable on the table in every region; or check the table yourself and set assume_strong = true in [store] (docs/stores.md)';
  const more = tables.every(({ isDenied: denied }) => denied) ? {} : { mayPass: true };
  return [reporting(first.region, 'broken')('consistency', found, hint, more)];
}

/** Tables with the same name that are not replicas of each other: a key missing in one may exist in another. */
function differentTables(
  tables: readonly InspectedTable[],
  { table, mode }: DynamoDbConfig,
): readonly TableProblem[] {
  const [first, ...others] = tables.flatMap(({ region, genesis }) => (genesis ? [{ region, genesis }] : []));
  if (first === undefined) return [];
  const hint = 'in [[store.regions]], name only regions where one global table has its replicas';
  const broken = (region: Region, found: string): readonly TableProblem[] => [
    reporting(region, 'broken')('genesis', `${found}: they are different tables`, hint),
  ];
  const other = others.find(({ genesis }) => !isSame(first.genesis, genesis));
  if (other !== undefined) {
    const places = `${first.region} and ${other.region}`;
    return broken(other.region, `the tables "${table}" in ${places} have different genesis records`);
  }
  const empty = tables.find(({ genesis, failure }) => genesis === undefined && failure === undefined);
  if (mode.kind !== 'strong' || empty === undefined) return [];
  return broken(
    empty.region,
    `the table "${table}" in ${empty.region} lacks the genesis record of the table in ${first.region}`,
  );
}

const isSame = (one: Genesis, other: Genesis): boolean =>
  one.deployment === other.deployment && one.createdAtMs === other.createdAtMs;

/** A genesis record that does not say where the table is written does not stop other processes from writing a replica. */
function unboundReplicas(
  tables: readonly InspectedTable[],
  { table, mode, regions }: DynamoDbConfig,
): readonly TableProblem[] {
  const unbound = tables.find(({ genesis }) => genesis !== undefined && genesis.writes === undefined);
  if (mode.kind === 'strong' || unbound === undefined) return [];
  const { region, facts } = unbound;
  if (mode.kind === 'single' && facts && (facts.isStrong || replicasOf(unbound).length === 0)) return [];
  const what = facts
    ? 'has replicas in other regions'
    : 'may have replicas, because DescribeTable was not answered';
  const found = `the table "${table}" ${what}, and its genesis record does not say where it is written`;
  const home = mode.kind === 'home' ? mode.home : regions[0].name;
  const hint = `use mode = "home" with home = "${home}", and add that to the genesis record (docs/stores.md)`;
  return [reporting(region, 'broken')('genesis', found, hint)];
}

const replicasOf = ({ region, facts }: InspectedTable): readonly string[] =>
  facts?.replicas.filter((replica) => replica !== region) ?? [];

/** What an operator should know, although RKMS can serve. */
function warnings(table: InspectedTable, { mode }: DynamoDbConfig): readonly TableProblem[] {
  const { region, facts, isRecoverable, failure } = table;
  const warning = reporting(region, 'warning');
  if (failure !== undefined) {
    const found = 'the table cannot be used in this region now';
    const hint = 'check the region, the endpoint, the network and the permissions';
    return mode.kind === 'single' ? [] : [warning('table', found, hint, { facts: failureFacts(failure) })];
  }
  const problems: TableProblem[] = [];
  if (table.genesis === undefined && mode.kind === 'home' && mode.home !== region) {
    const found = 'this replica has no genesis record yet, so it cannot be read';
    const hint = 'wait; if it does not appear, check that the region has a replica of the same global table';
    problems.push(warning('genesis', found, hint));
  }
  if (facts === undefined) {
    const found = 'the table could not be checked: DescribeTable failed';
    problems.push(warning('table', found, 'allow dynamodb:DescribeTable on the table'));
  } else {
    problems.push(...warningsOfFacts(facts, replicasOf(table), mode.kind, warning));
  }
  if (isRecoverable === undefined) {
    const found = 'point-in-time recovery could not be checked: DescribeContinuousBackups failed';
    problems.push(warning('recovery', found, 'allow dynamodb:DescribeContinuousBackups on the table'));
  } else if (!isRecoverable) {
    const found = 'point-in-time recovery is off: a deleted record cannot be restored';
    problems.push(warning('recovery', found, 'turn it on in every region (docs/stores.md)'));
  }
  return problems;
}

function warningsOfFacts(
  { status, isStrong, isDeletionProtected }: TableFacts,
  replicas: readonly string[],
  mode: DynamoDbConfig['mode']['kind'],
  warning: Report,
): readonly TableProblem[] {
  const problems: TableProblem[] = [];
  if (status !== 'ACTIVE') {
    const hint = 'wait until AWS shows the status ACTIVE';
    problems.push(warning('table', 'the table is not active in this region', hint, { facts: { status } }));
  }
  if (!isDeletionProtected) {
    const found = 'deletion protection is off: deleting the table would delete every key';
    problems.push(warning('protection', found, 'turn it on in every region (docs/stores.md)'));
  }
  if (mode === 'single' && replicas.length > 0) {
    const found = 'the table has replicas that RKMS does not use: mode = "home" or "strong" would read them';
    const hint = 'choose a mode (docs/stores.md)';
    problems.push(warning('replicas', found, hint, { facts: { replicas } }));
  }
  if (mode === 'home' && isStrong) {
    const found =
      'the table has multi-Region strong consistency: with mode = "strong", RKMS could write in every region';
    problems.push(warning('consistency', found, 'choose a mode (docs/stores.md)'));
  }
  return problems;
}
