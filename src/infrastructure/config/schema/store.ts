// [store]: where the key records are. The schema knows each option for itself; which of them go together depends on the mode
// of DynamoDB and is said here as well, so that all that is wrong is reported at once.
import { join } from 'node:path';
import { z } from 'zod';
import type { WritePlace } from '../../../domain/ids.js';
import { parseRegion, type Region } from '../../../domain/ids.js';
import type { ConfigProblem } from './problems.js';
import { choice, endpoint, listOf, named, oneOfTables, text, whole } from './rules.js';

const regionName = named<Region>(parseRegion);
const timeoutMs = whole(10, 60_000, 'milliseconds')
  .default(1_000)
  .describe('Time limit of one call to the store; with several regions, of all of them together.');
const otherEndpoint = endpoint.optional().meta({
  description: 'Another endpoint of DynamoDB, for example a VPC endpoint.',
  whenUnset: 'by the region',
});
const kind = 'Which store: one file on this machine, or a table in DynamoDB.';
const regionTables = '[[store.regions]] tables with a name each';

const tableRule = 'the name of a DynamoDB table, not its ARN';
const tableName = z
  .string({ error: tableRule })
  .regex(/^[A-Za-z0-9_.-]{1,255}$/, { error: tableRule })
  .meta({ expected: tableRule });

const dynamoDb = z.strictObject({
  kind: z.literal('dynamodb').describe(kind),
  table: tableName.describe('The table, with partition key "id" (S) and sort key "version" (N).'),
  mode: choice(['single', 'strong', 'home'])
    .default('single')
    .describe(
      'Where the table is and is written: "single": one region; "strong": several regions, all written; "home": several regions, one written.',
    ),
  region: regionName.optional().describe('With mode = "single", and only then: the region of the table.'),
  endpoint: otherEndpoint,
  home: regionName.optional().describe('With mode = "home", and only then: the region that is written.'),
  regions: listOf(
    z.strictObject(
      { name: regionName.describe('A region of the table.'), endpoint: otherEndpoint },
      { error: 'a table with a name' },
    ),
    regionTables,
  )
    .optional()
    .describe('With mode = "strong" (two or three) and "home" (two or more): the preferred one first.'),
  assume_strong: z.boolean({ error: 'true or false' }).optional().meta({
    expected: 'true or false',
    description:
      'With mode = "strong", and only then: true states that you have checked that the table has multi-Region strong consistency, so that RKMS creates keys when it may not call DescribeTable.',
    whenUnset: 'false',
  }),
  timeout_ms: timeoutMs,
});

export const storeSchema = z.discriminatedUnion(
  'kind',
  [
    dynamoDb,
    z.strictObject({
      kind: z.literal('sqlite').describe(kind),
      path: text('the path of a file')
        .optional()
        .meta({ description: 'The database.', whenUnset: 'rkms.sqlite in data_dir' }),
      timeout_ms: timeoutMs,
    }),
  ],
  { error: oneOfTables('kind', 'sqlite', 'dynamodb') },
);

export type StoreInput = z.infer<typeof storeSchema>;

export interface StoreRegionConfig {
  readonly name: Region;
  readonly endpoint?: string | undefined;
}

/** `mode` says where the table may be written; `regions` are in order of preference, exactly one for `single`. */
export interface DynamoDbConfig {
  readonly kind: 'dynamodb';
  readonly table: string;
  readonly timeout_ms: number;
  readonly mode:
    | { readonly kind: 'single' }
    | { readonly kind: 'strong'; readonly isAssumed: boolean }
    | { readonly kind: 'home'; readonly home: Region };
  readonly regions: readonly [StoreRegionConfig, ...StoreRegionConfig[]];
}
export type SqliteConfig = Extract<StoreInput, { kind: 'sqlite' }> & { readonly path: string };
export type StoreConfig = SqliteConfig | DynamoDbConfig;

/** The checked options as what they mean; the database file is in the data folder unless named. */
export function completeStore(store: StoreInput, folder: string): StoreConfig {
  if (store.kind === 'sqlite') return { ...store, path: store.path ?? join(folder, 'rkms.sqlite') };
  const { kind, table, timeout_ms, mode, region, home } = store;
  const [first, ...others] =
    mode === 'single' ? (region ? [{ name: region, endpoint: store.endpoint }] : []) : (store.regions ?? []);
  if (first === undefined) throw new Error('a store without a region passed the check');
  const regions = [first, ...others] as const;
  if (mode === 'single') return { kind, table, timeout_ms, mode: { kind: mode }, regions };
  if (mode === 'strong') {
    return {
      kind,
      table,
      timeout_ms,
      mode: { kind: mode, isAssumed: store.assume_strong === true },
      regions,
    };
  }
  if (home === undefined) throw new Error('a store without its home passed the check');
  return { kind, table, timeout_ms, mode: { kind: mode, home }, regions };
}

/** Where a process with this configuration writes, for the genesis record; undefined where there is but one place. */
export function writesOf(store: StoreConfig): WritePlace | undefined {
  if (store.kind === 'sqlite') return undefined;
  switch (store.mode.kind) {
    case 'single':
      return store.regions[0].name;
    case 'strong':
      return 'anywhere';
    case 'home':
      return store.mode.home;
  }
}

type Raw = Readonly<Record<string, unknown>>;

/** What is wrong between the options of a DynamoDB store that may be right each for itself. */
export function storeProblems(store: Raw): readonly ConfigProblem[] {
  if (store['kind'] !== 'dynamodb') return [];
  switch (store['mode'] ?? 'single') {
    case 'single':
      return [
        ...needed(
          store,
          'region',
          'the region of the table: 1 to 64 characters of a-z 0-9 -, starting with a letter',
        ),
        ...unwanted(
          store,
          ['home', 'regions'],
          'none with mode = "single"; "strong" and "home" have several regions',
        ),
        ...unwanted(store, ['assume_strong'], onlyStrong),
      ];
    case 'strong':
      return [
        ...unwanted(store, ['region', 'endpoint'], withRegions('strong')),
        ...unwanted(store, ['home'], 'none with mode = "strong": every region may be written'),
        ...severalRegions(
          store,
          3,
          'two or three [[store.regions]] tables: a table with multi-Region strong consistency has three replicas, or two and a witness',
        ),
      ];
    case 'home':
      return [
        ...unwanted(store, ['region', 'endpoint'], withRegions('home')),
        ...severalRegions(store, Infinity, 'two or more [[store.regions]] tables, one of them the home'),
        ...unwanted(store, ['assume_strong'], onlyStrong),
        ...homeAmongRegions(store),
      ];
    default:
      return [];
  }
}

const onlyStrong = 'none: it is about mode = "strong" only';
const withRegions = (mode: string): string => `none with mode = "${mode}", but [[store.regions]] tables`;

const shown = (value: unknown): string =>
  Array.isArray(value) ? `${value.length} of them` : JSON.stringify(value);

const needed = (store: Raw, name: string, expected: string): readonly ConfigProblem[] =>
  store[name] === undefined ? [{ path: `store.${name}`, found: 'nothing', expected }] : [];

const unwanted = (store: Raw, names: readonly string[], expected: string): readonly ConfigProblem[] =>
  names
    .filter((name) => store[name] !== undefined)
    .map((name) => ({ path: `store.${name}`, found: shown(store[name]), expected }));

function severalRegions(store: Raw, most: number, expected: string): readonly ConfigProblem[] {
  const { regions } = store;
  if (regions === undefined) return [{ path: 'store.regions', found: 'nothing', expected }];
  if (!Array.isArray(regions)) return [];
  const names = namesIn(regions);
  const twice = names.flatMap((name, index) =>
    name !== undefined && names.indexOf(name) < index
      ? [
          {
            path: `store.regions[${index}].name`,
            found: `"${name}" a second time`,
            expected: 'each region once',
          },
        ]
      : [],
  );
  const isRightNumber = names.length >= 2 && names.length <= most;
  return isRightNumber
    ? twice
    : [{ path: 'store.regions', found: `${names.length} of them`, expected }, ...twice];
}

function homeAmongRegions(store: Raw): readonly ConfigProblem[] {
  const { home, regions } = store;
  const names = Array.isArray(regions) ? namesIn(regions).filter((name) => name !== undefined) : [];
  const expected = `one of the [[store.regions]]${names.length > 0 ? `: ${names.join(', ')}` : ''}`;
  if (home === undefined) return [{ path: 'store.home', found: 'nothing', expected }];
  const isKnown = names.some((name) => name === home);
  return isKnown || names.length === 0 ? [] : [{ path: 'store.home', found: shown(home), expected }];
}

const namesIn = (regions: readonly unknown[]): readonly (string | undefined)[] =>
  regions.map((region) => {
    const name = typeof region === 'object' && region !== null && 'name' in region ? region.name : undefined;
    return typeof name === 'string' ? name : undefined;
  });
