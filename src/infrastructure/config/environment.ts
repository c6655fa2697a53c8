// Single values from the environment: RKMS_SERVER_PORT is `port` in [server], RKMS_DEPLOYMENT is `deployment`. Variables
// that name no option are reported, not obeyed: container platforms set some of their own that begin with RKMS_.
import { nearest, type ConfigProblem } from './schema/problems.js';
import { declaredSections, type DeclaredOption } from './options.js';
import { isTable, type Raw } from './schema/raw-config.js';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Option {
  readonly section: string | undefined;
  readonly key: string;
  readonly kind: DeclaredOption['kind'];
}

/** Set for a worker by the process that starts it. */
export const workerVariable = 'RKMS_WORKER';

/** Variables that are not options of the configuration file; the second one is how the first worker tells the others its ports. */
const reserved = ['RKMS_CONFIG', workerVariable];

/** The raw configuration with the environment's values in it. */
export function withEnvironment(raw: Raw, environment: Environment): Raw {
  const merged: Raw = { ...raw };
  for (const [name, option] of options) {
    const text = environment[name];
    if (text === undefined) continue;
    const { section, key } = option;
    const value = valueOf(text, option.kind);
    const table = section === undefined ? undefined : (merged[section] ?? {});
    if (section === undefined) merged[key] = value;
    // What should be a table and is none stays as it is, for the check to see.
    else if (isTable(table)) merged[section] = { ...table, [key]: value };
  }
  return merged;
}

/** The problem, with the variable that brought the value where it did not come from the file. */
export function withOrigin(problem: ConfigProblem, environment: Environment): ConfigProblem {
  const [name] =
    [...options].find(
      ([variable, { section, key }]) =>
        environment[variable] !== undefined && [section, key].filter(Boolean).join('.') === problem.path,
    ) ?? [];
  if (name === undefined) return problem;
  const { path, found, expected } = problem;
  return { path, found: `${found} in ${name}`, expected };
}

/** Variables that begin with RKMS_ and name no option, each with the option it may have been meant for. */
export function unknownVariables(environment: Environment): readonly string[] {
  const known = [...options.keys(), ...reserved];
  return Object.keys(environment)
    .filter((name) => name.startsWith('RKMS_') && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known);
      return meant === undefined ? name : `${name} (did you mean ${meant}?)`;
    });
}

/** :: variable -> option; lists such as [[regions]] have none, nor have endpoints. */
const options: ReadonlyMap<string, Option> = new Map(
  declaredSections.flatMap(({ path, options: declared }) =>
    declared.flatMap(({ variable, key, kind }) =>
      variable === undefined
        ? []
        : [[variable, { section: path === '' ? undefined : path, key, kind }] as const],
    ),
  ),
);

/** Text stays text where it is no number, for the check to see. */
function valueOf(text: string, kind: DeclaredOption['kind']): unknown {
  if (kind === 'number' && /^\d+(\.\d+)?$/.test(text)) return Number(text);
  return kind === 'boolean' && /^(true|false)$/.test(text) ? text === 'true' : text;
}
