// Every option that the configuration may hold, as the schema declares it: for the environment, `rkms config` and the
// reference in docs/. Nothing about options is written anywhere but in the schema.
import { z } from 'zod';
import { configSchema } from './schema/schema.js';
import { metaOf, unwrapped, variantsOf } from './schema/zod-introspection.js';

export interface DeclaredOption {
  readonly key: string;
  readonly description: string;
  /** The values that it takes, to be read after "expected". */
  readonly expected: string;
  readonly unit?: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'list';
  /** Must be there when its section is. */
  readonly required: boolean;
  readonly default?: unknown;
  /** What holds where it is not given and the default is no fixed value. */
  readonly whenUnset?: string;
  /** It is only there where this option of its section has this value. */
  readonly onlyWith?: { readonly key: string; readonly value: string };
  /** The variable of the environment that sets it. */
  readonly variable?: string;
}

/** A table; `path` as `server`, `regions[]`, `callers[].creation`, and empty for what stands before all tables. */
export interface DeclaredSection {
  readonly path: string;
  readonly description: string;
  readonly options: readonly DeclaredOption[];
}

type Shape = Readonly<Record<string, unknown>>;
type Variants = readonly { readonly with?: DeclaredOption['onlyWith']; readonly shape: Shape }[];

/** All of them, in the order of the schema; a section comes before those within it. */
export const declaredSections: readonly DeclaredSection[] = sectionsIn('', {}, [
  { shape: configSchema.shape },
]);

function sectionsIn(path: string, meta: z.GlobalMeta, variants: Variants): readonly DeclaredSection[] {
  const options = new Map<string, DeclaredOption>();
  const inner: DeclaredSection[] = [];
  for (const { with: onlyWith, shape } of variants) {
    for (const [key, schema] of Object.entries(shape)) {
      const tables = tablesIn(schema);
      if (tables !== undefined) inner.push(...sectionsIn(joined(path, key, schema), metaOf(schema), tables));
      else options.set(key, mergedOption(options.get(key), declared(path, key, schema), onlyWith));
    }
  }
  return [{ path, description: meta.description ?? '', options: [...options.values()] }, ...inner];
}

/** The tables that an option stands for: one shape, or several to choose from; undefined for plain values. */
function tablesIn(schema: unknown): Variants | undefined {
  const rule = unwrapped(schema);
  if (rule instanceof z.ZodArray) return tablesIn(rule.element);
  if (rule instanceof z.ZodObject) return [{ shape: rule.shape }];
  if (!(rule instanceof z.ZodDiscriminatedUnion)) return undefined;
  const { discriminator: key } = rule.def;
  return variantsOf(rule).map(({ value, shape }) => ({ with: { key, value }, shape }));
}

function joined(path: string, key: string, schema: unknown): string {
  return `${path === '' ? key : `${path}.${key}`}${unwrapped(schema) instanceof z.ZodArray ? '[]' : ''}`;
}

/** What several variants have in common depends on none of them; the option that decides takes the values of all. */
function mergedOption(
  before: DeclaredOption | undefined,
  option: DeclaredOption,
  onlyWith: DeclaredOption['onlyWith'],
): DeclaredOption {
  const decides = option.key === onlyWith?.key;
  if (before === undefined) return { ...option, ...(onlyWith && !decides && { onlyWith }) };
  return decides ? { ...before, expected: `${before.expected} or ${option.expected}` } : option;
}

function declared(section: string, key: string, schema: unknown): DeclaredOption {
  const rule = unwrapped(schema);
  const { description = '', expected, unit, whenUnset } = metaOf(schema);
  const variable = variableOf(section, key, rule);
  return {
    key,
    description,
    expected: expected ?? (rule instanceof z.ZodLiteral ? JSON.stringify(rule.value) : 'a value'),
    kind: kindOf(rule),
    required: schema === rule,
    ...(unit !== undefined && { unit }),
    ...(schema instanceof z.ZodDefault && { default: schema.def.defaultValue }),
    ...(whenUnset !== undefined && { whenUnset }),
    ...(variable !== undefined && { variable }),
  };
}

function kindOf(rule: unknown): DeclaredOption['kind'] {
  // A number or a word: a variable that holds a number is one.
  if (rule instanceof z.ZodNumber || rule instanceof z.ZodUnion) return 'number';
  if (rule instanceof z.ZodBoolean) return 'boolean';
  return rule instanceof z.ZodArray ? 'list' : 'text';
}

/** Where calls go, and what an environment may hold, is for the file alone to say; lists have no spelling in a variable. */
function variableOf(section: string, key: string, rule: unknown): string | undefined {
  if (/[[.]/.test(section) || key === 'endpoint' || rule instanceof z.ZodArray) return undefined;
  return ['RKMS', section, key].filter(Boolean).join('_').toUpperCase();
}
