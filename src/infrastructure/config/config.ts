// Reads the configuration once and checks it as a whole: every problem is reported, with its place, what was found and
// what is expected. Nothing else in RKMS reads configuration or the environment.
import { err, ok, Result } from 'neverthrow';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { defaultCreationLimits, type CreationLimits } from '../../domain/access/creation-quota.js';
import type { GenesisExpectation } from '../../domain/keys/genesis.js';
import type { Region } from '../../domain/ids.js';
import { creationLimits, localCreationLimits } from './schema/callers.js';
import { configSchema, type ConfigInput } from './schema/schema.js';
import { problemsOf, showProblem, type ConfigProblem } from './schema/problems.js';
import { completeStore, storeProblems, writesOf, type StoreConfig } from './schema/store.js';
import { withEnvironment, withOrigin, type Environment } from './environment.js';
import { identityProblems } from './schema/identities.js';
import { kmsKeyProblems } from './schema/kms-keys.js';
import { issuerProblems } from './schema/issuers.js';
import { fieldOf, isTable, listIn, type Raw } from './schema/raw-config.js';
import { tomlLines } from './toml-lines.js';
import { listenerTlsOr, tlsProblems, type ListenerTls } from './schema/tls.js';

export type { ConfigProblem } from './schema/problems.js';

export type { DynamoDbConfig, SqliteConfig } from './schema/store.js';

/** A checked configuration: defaults filled in, paths complete. */
export type Config = Omit<
  ConfigInput,
  'keys' | 'auth' | 'audit' | 'store' | 'creation' | 'server' | 'operations'
> & {
  readonly server: ConfigInput['server'] & { readonly tls: ListenerTls };
  readonly operations: ConfigInput['operations'] & { readonly tls: ListenerTls };
  readonly store: StoreConfig;
  readonly keys: ConfigInput['keys'] & { readonly quorum: number };
  readonly auth: { readonly tokens_file: string };
  readonly audit: ConfigInput['audit'] & { readonly file: string };
  /** For callers whose own table says nothing else. */
  readonly creation: CreationLimits;
};

export type RegionConfig = Config['regions'][number];
/** A region whose vault is AWS's KMS. */
export type AwsRegionConfig = Extract<RegionConfig, { vault: 'aws-kms' }>;

/** The regions in order of preference. */
export const regionsOf = (config: Config): readonly Region[] => config.regions.map(({ name }) => name);

/** A configuration without a single AWS part: it may initialise its own store on the first start. */
export const isEmbedded = (config: {
  readonly store: { readonly kind: string };
  readonly regions: ConfigInput['regions'];
}): boolean => config.store.kind === 'sqlite' && config.regions.every(({ vault }) => vault === 'local-kms');

/** What the store's genesis record must say for a process with this configuration. */
export function expectedGenesis({ deployment, store }: Config): GenesisExpectation {
  const writes = writesOf(store);
  return writes === undefined ? { deployment } : { deployment, writes };
}

/** Whether any call leaves for AWS. */
export const usesAws = ({ store, regions }: Pick<Config, 'store' | 'regions'>): boolean =>
  store.kind === 'dynamodb' || regions.some(({ vault }) => vault === 'aws-kms');

/** Everything that is wrong with a configuration. */
export interface ConfigInvalid {
  readonly kind: 'config.invalid';
  readonly problems: readonly ConfigProblem[];
}

/** Checks a TOML text, after the environment's single values (`RKMS_<SECTION>_<KEY>`) have taken their places in it. */
export function parseConfig(toml: string, environment: Environment = {}): Result<Config, ConfigInvalid> {
  return parseToml(toml)
    .andThen((raw) => check(withEnvironment(raw, environment)))
    .map(complete)
    .mapErr((problems) => ({
      kind: 'config.invalid',
      problems: withLines(problems, toml).map((problem) => withOrigin(problem, environment)),
    }));
}

/** One line per problem, for a terminal; `file` is what the configuration was read from. */
export const showConfigProblems = ({ problems }: ConfigInvalid, file?: string): string =>
  problems.map((problem) => showProblem(problem, file)).join('\n');

function parseToml(toml: string): Result<Raw, readonly ConfigProblem[]> {
  return Result.fromThrowable(
    () => parse(toml) as Raw,
    (cause) => {
      if (!(cause instanceof TomlError)) throw cause;
      const [found = ''] = cause.message.replace('Invalid TOML document: ', '').split('\n');
      const { line, column } = cause;
      return [{ path: `line ${line}, column ${column}`, found, expected: 'TOML 1.0', line }];
    },
  )();
}

/** Where each of them stands; what is missing is looked for in its table. */
function withLines(problems: readonly ConfigProblem[], toml: string): readonly ConfigProblem[] {
  const lines = tomlLines(toml);
  return problems.map((problem) => {
    const line = problem.line ?? lineOf(problem.path, lines);
    return line === undefined ? problem : { ...problem, line };
  });
}

function lineOf(path: string, lines: ReadonlyMap<string, number>): number | undefined {
  const outer = path.replace(/(\.[^.[\]]*|\[\d+\])$/, '');
  return lines.get(path) ?? (outer === path ? undefined : lineOf(outer, lines));
}

function check(raw: Raw): Result<ConfigInput, readonly ConfigProblem[]> {
  const parsed: z.ZodSafeParseResult<ConfigInput> = configSchema.safeParse(raw);
  const alone = parsed.success ? [] : problemsOf(parsed.error, raw, configSchema);
  const together = problemsTogether(raw).filter(({ path }) =>
    alone.every((problem) => problem.path !== path),
  );
  return parsed.success && together.length === 0 ? ok(parsed.data) : err([...alone, ...together]);
}

/** Files are in the data folder unless named; the quorum is 2 of 3, else all regions but one. */
function complete(input: ConfigInput): Config {
  const { store, keys, auth, audit, server, operations, tls, data_dir: folder } = input;
  return {
    ...input,
    store: completeStore(store, folder),
    server: { ...server, tls: listenerTlsOr(server.tls, tls) },
    operations: { ...operations, tls: listenerTlsOr(operations.tls, tls) },
    keys: { ...keys, quorum: keys.quorum ?? Math.max(1, input.regions.length - 1) },
    auth: { tokens_file: auth.tokens_file ?? join(folder, 'tokens.json') },
    audit: { ...audit, file: audit.file ?? join(folder, 'audit.jsonl') },
    creation: creationLimits(input.creation, isEmbedded(input) ? localCreationLimits : defaultCreationLimits),
  };
}

/** What is wrong between values that may be right each for itself; looks at the raw file, to report all at once. */
function problemsTogether(raw: Raw): readonly ConfigProblem[] {
  const { regions, callers, keys, store } = raw;
  const wrong = [
    ...namedTwice('regions', 'each region once', regions),
    ...namedTwice('callers', 'each caller once', callers),
    ...tlsProblems(raw),
    ...issuerProblems(raw),
    ...kmsKeyProblems(raw),
    ...identityProblems(raw),
  ];
  const count = listIn(regions).length;
  const quorum = fieldOf(keys, 'quorum');
  const tooMany = typeof quorum === 'number' && count > 0 && quorum > count;
  const expected = `at most the number of regions, ${count}`;
  const quorumProblem = tooMany ? [{ path: 'keys.quorum', found: String(quorum), expected }] : [];
  return [...wrong, ...quorumProblem, ...(isTable(store) ? storeProblems(store) : [])];
}

function namedTwice(list: string, expected: string, tables: unknown): readonly ConfigProblem[] {
  const names = listIn(tables).map((table) => fieldOf(table, 'name'));
  return names.flatMap((name, index) =>
    typeof name === 'string' && names.indexOf(name) < index
      ? [{ path: `${list}[${index}].name`, found: `"${name}" a second time`, expected }]
      : [],
  );
}
