// What a configuration says in the end, option by option, and where each value came from: the file, the environment, or a
// default. Shown to people, so that what looks like a secret is taken out.
import type { Config } from './config.js';
import type { Environment } from './environment.js';
import { declaredSections, type DeclaredOption } from './options.js';
import { maskSecrets } from './schema/mask-secrets.js';
import { fieldOf, isTable, listIn, type Raw } from './schema/raw-config.js';
import type { DynamoDbConfig } from './schema/store.js';
import { tomlLines } from './toml-lines.js';

export type ValueOrigin =
  | { readonly from: 'file'; readonly line: number }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'default' };

/** `option` as `regions[1].kms_key`. Without a value nothing is set: `whenUnset` says what holds, where anything does. */
export type EffectiveValue = { readonly option: string } & (
  (ValueOrigin & { readonly value: unknown }) | { readonly from: 'unset'; readonly whenUnset?: string }
);

/** Every option that there is room for, in the order of the schema; of lists, each table that is there. */
export function effectiveValues(
  config: Config,
  toml: string,
  environment: Environment,
): readonly EffectiveValue[] {
  const lines = tomlLines(toml);
  const originOf = (path: string, { variable }: DeclaredOption): ValueOrigin => {
    const line = lines.get(path);
    if (variable !== undefined && environment[variable] !== undefined)
      return { from: 'environment', variable };
    return line === undefined ? { from: 'default' } : { from: 'file', line };
  };
  const tables = new Map<string, readonly Place[]>([['', [{ path: '', table: effectiveTable(config) }]]]);
  return declaredSections.flatMap((section) => {
    const places = tables.get(section.path) ?? placesOf(section.path, tables);
    tables.set(section.path, places);
    return places.flatMap(({ path, table }) =>
      section.options
        .filter(({ onlyWith }) => onlyWith === undefined || table[onlyWith.key] === onlyWith.value)
        .map((option): EffectiveValue => {
          const name = joined(path, option.key);
          const value = table[option.key];
          if (value !== undefined)
            return { option: name, ...originOf(name, option), value: shownValue(value) };
          const { whenUnset } = option;
          return { option: name, from: 'unset', ...(whenUnset !== undefined && { whenUnset }) };
        }),
    );
  });
}

/** The configuration in the form of a file, with every value in it. */
export function effectiveTable(config: Config): Raw {
  const { creation, store, ...same } = config;
  const { perSecond: per_second, burst, perDay: per_day } = creation;
  const stored = store.kind === 'sqlite' ? store : dynamoDbTable(store);
  return plain({ ...same, store: stored, creation: { per_second, burst, per_day } }) as Raw;
}

function dynamoDbTable({ mode, regions, ...same }: DynamoDbConfig): Raw {
  if (mode.kind !== 'single')
    return {
      ...same,
      mode: mode.kind,
      ...('home' in mode && { home: mode.home }),
      ...('isAssumed' in mode && { assume_strong: mode.isAssumed }),
      regions,
    };
  const [{ name, endpoint }] = regions;
  return { ...same, mode: mode.kind, region: name, endpoint };
}

/** As a file spells it: patterns by their text, nothing for what is not set. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isTable(value)) return value;
  if ('segments' in value && 'text' in value) return value['text'];
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [[key, plain(each)]])),
  );
}

interface Place {
  readonly path: string;
  readonly table: Raw;
}

/** Where the tables of a section are, by those of the section around it. */
function placesOf(section: string, tables: ReadonlyMap<string, readonly Place[]>): readonly Place[] {
  const [, outer = '', key = ''] = /^(?:(.*)\.)?([^.]+)$/.exec(section) ?? [];
  const name = key.replace('[]', '');
  return (tables.get(outer) ?? []).flatMap(({ path, table }) => {
    const inner = fieldOf(table, name);
    const own = joined(path, name);
    const found = key.endsWith('[]')
      ? listIn(inner).map((each, at) => ({ path: `${own}[${at}]`, table: each }))
      : [{ path: own, table: inner }];
    return found.filter((place): place is Place => isTable(place.table));
  });
}

const joined = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

function shownValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownValue);
  return typeof value === 'string' ? maskSecrets(value) : value;
}
