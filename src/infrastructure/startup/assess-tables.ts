// Is the table, in every configured region, what the configuration takes it for? What would make two keys for one id is a
// refusal; a region that does not answer, or a question we may not ask, is a warning (I9). Decides only: the start acts on it,
// the doctor tells it.
import { isDenied, type TableFacts } from '../../adapters/dynamodb/describe-table.js';
import { failureFacts } from '../../adapters/pino/log-facts.js';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { Region } from '../../domain/ids.js';
import type { DynamoDbConfig } from '../config/config.js';

/** What one region said of the table; undefined where it did not say. */
export interface InspectedTable {
  readonly region: Region;
  readonly facts: TableFacts | undefined;
  readonly isRecoverable: boolean | undefined;
  readonly genesis: Genesis | undefined;
  readonly failure: StoreReadFailure | undefined;
}

/** What of a table is wrong. */
export type TableAspect =
  'table' | 'keys' | 'consistency' | 'replicas' | 'genesis' | 'protection' | 'recovery';

export interface TableProblem {
  readonly region: Region;
  readonly aspect: TableAspect;
  /** What was found, and what to do about it. */
  readonly message: string;
  readonly hint: string;
  /** For logs. */
  readonly facts?: object;
  readonly cause?: unknown;
}

/** What the start is refused for; the first is the one to begin with. */
export const tableRefusals = (
  seen: readonly InspectedTable[],
  store: DynamoDbConfig,
): readonly TableProblem[] => [
  ...seen.flatMap((table) => unsuitable(table, store)),
  ...severalTables(seen, store),
  ...unboundCopies(seen, store),
];

/** What no waiting mends: a missing table, other keys, less consistency than the mode needs. */
function unsuitable(
  { region, facts, failure }: InspectedTable,
  { table, mode, regions }: DynamoDbConfig,
): readonly TableProblem[] {
  const where = `the table "${table}" in ${region}`;
  const problem = (aspect: TableAspect, message: string, hint: string): TableProblem => ({
    region,
    aspect,
    message: `${where} ${message}`,
    hint,
  });
  // One region alone is refused by whoever reads its genesis record, with a line that says why.
  if (mode.kind !== 'single' && failure?.kind === 'store.misconfigured' && !isDenied(failure.cause)) {
    return [{ ...problem('table', 'cannot be used', failure.detail), cause: failure.cause }];
  }
  if (facts === undefined) return [];
  const problems: TableProblem[] = [];
  if (!facts.hasRightKeys) {
    const hint = 'RKMS needs the partition key id (S) and the sort key version (N)';
    problems.push(problem('keys', 'has other keys', hint));
  }
  if (mode.kind === 'strong' && !facts.isStrong) {
    const message = 'has no multi-Region strong consistency, which mode = "strong" relies on';
    const hint = 'make a global table with it (docs/stores.md), or use mode = "home"';
    problems.push(problem('consistency', message, hint));
  }
  const known = [region, ...facts.replicas];
  const missing = regions.map(({ name }) => name).filter((name) => !known.includes(name));
  if (missing.length > 0) {
    const hint = 'add the replica to the table, or take the region out of [[store.regions]]';
    problems.push(problem('replicas', `has no replica in ${missing.join(', ')}`, hint));
  }
  return problems;
}

/** Tables of the same name that are no replicas of each other: absence in one of them says nothing of the others. */
function severalTables(
  seen: readonly InspectedTable[],
  { table, mode }: DynamoDbConfig,
): readonly TableProblem[] {
  const withGenesis = seen.flatMap(({ region, genesis }) => (genesis ? [{ region, genesis }] : []));
  const [first, ...others] = withGenesis;
  if (first === undefined) return [];
  const hint = 'name regions in which one global table has its replicas';
  const problem = (region: Region, message: string): readonly TableProblem[] => [
    { region, aspect: 'genesis', message, hint },
  ];
  const other = others.find(({ genesis }) => !isSame(first.genesis, genesis));
  if (other !== undefined) {
    return problem(
      other.region,
      `the tables "${table}" in ${first.region} and ${other.region} have different genesis records: they are not one table`,
    );
  }
  const empty = seen.find(({ genesis, failure }) => genesis === undefined && failure === undefined);
  if (mode.kind !== 'strong' || empty === undefined) return [];
  return problem(
    empty.region,
    `the table "${table}" in ${empty.region} lacks the genesis record that ${first.region} has: they are not one table`,
  );
}

const isSame = (one: Genesis, other: Genesis): boolean =>
  one.deployment === other.deployment && one.createdAtMs === other.createdAtMs;

/** A genesis record of an earlier build does not say where the table is written: a copy elsewhere may be written, too. */
function unboundCopies(
  seen: readonly InspectedTable[],
  { table, mode, regions }: DynamoDbConfig,
): readonly TableProblem[] {
  const [only] = seen;
  const isUnbound = only?.genesis !== undefined && only.genesis.writes === undefined;
  if (mode.kind !== 'single' || !isUnbound || !only.facts || only.facts.isStrong) return [];
  if (copiesOf(only).length === 0) return [];
  return [
    {
      region: only.region,
      aspect: 'genesis',
      message: `the table "${table}" has replicas in other regions, and its genesis record does not say where it is written`,
      hint: `use mode = "home" with home = "${regions[0].name}", and write that into the genesis record (docs/stores.md)`,
    },
  ];
}

const copiesOf = ({ region, facts }: InspectedTable): readonly string[] =>
  facts?.replicas.filter((replica) => replica !== region) ?? [];

/** What one should know of the table in a region, and can serve with. */
export function tableWarnings(seen: InspectedTable, { mode }: DynamoDbConfig): readonly TableProblem[] {
  const { region, facts, isRecoverable, failure } = seen;
  const problem = (aspect: TableAspect, message: string, hint: string, more?: object): TableProblem => ({
    region,
    aspect,
    message,
    hint,
    ...(more && { facts: more }),
  });
  if (failure !== undefined) {
    const hint = 'check region, endpoint, network and permissions';
    const message = 'the table cannot be used in this region now';
    return mode.kind === 'single' ? [] : [problem('table', message, hint, failureFacts(failure))];
  }
  const lagging = seen.genesis === undefined && mode.kind === 'home' && mode.home !== region;
  return [
    ...(lagging
      ? [
          problem(
            'genesis',
            'this replica has no genesis record yet: it is of no use before it has caught up',
            'wait; if it stays so, name regions in which one global table has its replicas',
          ),
        ]
      : []),
    ...(facts === undefined
      ? [
          problem(
            'table',
            'the table could not be checked: DescribeTable was not answered',
            'allow dynamodb:DescribeTable on the table',
          ),
        ]
      : warningsOfFacts(facts, seen, mode.kind, problem)),
    ...recoveryWarnings(isRecoverable, problem),
  ];
}

type MakeProblem = (aspect: TableAspect, message: string, hint: string, more?: object) => TableProblem;

function warningsOfFacts(
  { status, isStrong, isDeletionProtected }: TableFacts,
  seen: InspectedTable,
  mode: DynamoDbConfig['mode']['kind'],
  problem: MakeProblem,
): readonly TableProblem[] {
  const copies = copiesOf(seen);
  const problems: TableProblem[] = [];
  if (status !== 'ACTIVE') {
    const hint = 'wait until AWS says that it is ACTIVE';
    problems.push(problem('table', 'the table is not active in this region', hint, { status }));
  }
  if (!isDeletionProtected) {
    const message = 'deletion protection is off: a deleted table takes every key with it';
    problems.push(problem('protection', message, 'turn it on in every region (docs/stores.md)'));
  }
  if (mode === 'single' && copies.length > 0) {
    const message = 'the table has replicas that are not used: mode = "home" or "strong" reads them';
    problems.push(problem('replicas', message, 'see docs/stores.md for which to choose', { copies }));
  }
  if (mode === 'home' && isStrong) {
    const message =
      'the table has multi-Region strong consistency: with mode = "strong" every region may write';
    problems.push(problem('consistency', message, 'see docs/stores.md for which to choose'));
  }
  return problems;
}

function recoveryWarnings(isRecoverable: boolean | undefined, problem: MakeProblem): readonly TableProblem[] {
  if (isRecoverable === undefined) {
    const message = 'point-in-time recovery could not be checked: DescribeContinuousBackups was not answered';
    return [problem('recovery', message, 'allow dynamodb:DescribeContinuousBackups on the table')];
  }
  const message = 'point-in-time recovery is off: a deleted record cannot be brought back';
  return isRecoverable ? [] : [problem('recovery', message, 'turn it on in every region (docs/stores.md)')];
}
