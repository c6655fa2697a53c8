// Single values from the environment: RKMS_SERVER_PORT is `port` in [server], RKMS_DEPLOYMENT is `deployment`. Variables
// that name no option are reported, not obeyed: container platforms set some of their own that begin with RKMS_.
import { z } from 'zod';
import { nearest, type ConfigProblem } from './config-problems.js';
import { configSchema } from './config-schema.js';
import { isTable, type Raw } from './raw-config.js';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Option {
  readonly section: string | undefined;
  readonly key: string;
  readonly isNumber: boolean;
}

/** Variables that are not options of the configuration file. */
const reserved = ['RKMS_CONFIG'];

/** The raw configuration with the environment's values in it; a number stays text where it is none, for the check to see. */
export function withEnvironment(raw: Raw, environment: Environment): Raw {
  const merged: Raw = { ...raw };
  for (const [name, option] of options) {
    const text = environment[name];
    if (text === undefined) continue;
    const value = option.isNumber && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    const { section, key } = option;
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
  return name === undefined ? problem : { ...problem, found: `${problem.found} in ${name}` };
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
  Object.entries(configSchema.shape).flatMap(([name, schema]) => {
    const inner =
      schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
    if (inner instanceof z.ZodArray) return [];
    if (inner instanceof z.ZodObject) return sectionOptions(name, inner.shape);
    if (inner instanceof z.ZodDiscriminatedUnion) {
      return inner.options.flatMap((option) => sectionOptions(name, option.shape));
    }
    return [[variable(name), { section: undefined, key: name, isNumber: isNumeric(schema) }] as const];
  }),
);

function sectionOptions(
  section: string,
  shape: Readonly<Record<string, unknown>>,
): readonly (readonly [string, Option])[] {
  return Object.entries(shape)
    .filter(([key, schema]) => mayComeFromOutside(key, schema))
    .map(([key, schema]) => [variable(section, key), { section, key, isNumber: isNumeric(schema) }] as const);
}

/** Where calls go, and what an environment may hold, is for the file alone to say; lists have no spelling in a variable. */
function mayComeFromOutside(key: string, schema: unknown): boolean {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return mayComeFromOutside(key, schema.unwrap());
  }
  return key !== 'endpoint' && !(schema instanceof z.ZodArray);
}

function variable(...names: readonly string[]): string {
  return ['RKMS', ...names].join('_').toUpperCase();
}

function isNumeric(schema: unknown): boolean {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return isNumeric(schema.unwrap());
  return schema instanceof z.ZodNumber;
}
