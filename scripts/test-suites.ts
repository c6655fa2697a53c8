// The suites of each tier, in the order in which they run. A suite is a run of Jest over some folders, or another program.
import { execFileSync } from 'node:child_process';

export interface Suite {
  readonly name: string;
  /** Arguments of Jest; figures are what its tests reported (test/support/tiers.ts). */
  readonly jest?: readonly string[];
  readonly summary?: (figures: readonly string[]) => string;
  /** Arguments of Node, for a suite without Jest; its last lines are its figures. */
  readonly command?: readonly string[];
  readonly lastLines?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The Node that runs Jest and all that the tests start; this one unless another is named. */
  readonly node?: string;
}

const except = (...paths: readonly string[]): readonly string[] =>
  paths.map((path) => `--testPathIgnorePatterns=${path}`);
const joined = (figures: readonly string[]): string => figures.join('; ');

/** Measuring coverage doubles the time of a test, so only these are measured: alone they reach the thresholds. */
const covered = ['test/domain/', 'test/application/', 'test/adapters/opentelemetry/'];
const units: Suite = { name: 'domain and application, with coverage', jest: ['--coverage', ...covered] };

/** Suites whose full dose takes minutes, the longest first. */
const deepSuites: readonly (Suite & { readonly paths: readonly string[] })[] = [
  { name: 'fuzzing', paths: ['test/fuzz/'], summary: fuzzed },
  { name: 'simulation', paths: ['test/simulation/'], summary: joined },
  { name: 'crashes', paths: ['test/crash/'], summary: joined },
  { name: 'pages', paths: ['test/docs/'], summary: joined },
  { name: 'many processes', paths: ['test/http/many-processes'], summary: joined },
  { name: 'keys in memory', paths: ['test/http/residue'], summary: joined },
  { name: 'slow clients', paths: ['test/http/slow-clients'], summary: joined },
];

export function suitesOf(isDeep: boolean): readonly Suite[] {
  if (!isDeep) return [units, { name: 'everything else', jest: except(...covered) }];
  const elsewhere = deepSuites.flatMap(({ paths }) => paths);
  return [
    ...deepSuites.map(({ paths, ...suite }) => ({ ...suite, jest: paths })),
    units,
    { name: 'adapters and services', jest: except(...covered, ...elsewhere), summary: joined },
    {
      name: 'mutants',
      command: ['--disable-warning=ExperimentalWarning', 'test/simulation/start.ts', 'run-mutants'],
    },
    oldestNode(),
  ];
}

/** Everything but the deep suites once more, on the oldest Node that RKMS runs on. */
function oldestNode(): Suite {
  const version = '22.13.0';
  const options = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
  const node = execFileSync('npm', options, { encoding: 'utf8' }).trim();
  const elsewhere = deepSuites.flatMap(({ paths }) => paths);
  return { name: `Node ${version}`, node, jest: except(...elsewhere), env: { RKMS_DEEP: '' } };
}

function fuzzed(figures: readonly string[]): string {
  const counts = figures.flatMap((line) => Number(/^fuzz: (\d+)/.exec(line)?.[1] ?? NaN));
  return `${counts.length} targets, ${counts.reduce((sum, count) => sum + count, 0)} inputs`;
}
