// Turns what the schema found into sentences for the author of the file: where, what was found, what is expected, and for
// an unknown key the nearest known one.
import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { maskSecrets } from './mask-secrets.js';
import { fieldOf } from './raw-config.js';
import { unwrapped, variantsOf } from './zod-introspection.js';

/** One thing that is wrong; `path` as `regions[1].kms_key`. */
export interface ConfigProblem {
  readonly path: string;
  readonly found: string;
  readonly expected: string;
  /** Where it is in the file, counted from 1; undefined where it came from elsewhere. */
  readonly line?: number;
}

/** A line for a terminal; `file` is what the configuration was read from. */
export const showProblem = ({ path, found, expected, line }: ConfigProblem, file?: string): string => {
  const place = file === undefined || line === undefined ? '' : `${file}:${line}: `;
  return `${place}${path}: found ${found}; expected ${expected}`;
};

export function problemsOf(
  error: z.ZodError,
  raw: Record<string, unknown>,
  schema: z.ZodType,
): readonly ConfigProblem[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey(issue.path, key, knownKeys(schema, issue.path, raw)))
      : [
          {
            path: showPath(issue.path),
            found: found(valueAt(raw, issue.path), issue),
            expected: issue.message,
          },
        ],
  );
}

/** The known name that an unknown one was probably meant to be, if any is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const candidate = known.length > 0 ? closest(name, known) : undefined;
  const near = Math.max(2, Math.floor(name.length / 3));
  return candidate !== undefined && distance(name, candidate) <= near ? candidate : undefined;
}

function unknownKey(path: readonly PropertyKey[], key: string, known: readonly string[]): ConfigProblem {
  const meant = nearest(key, known);
  const expected = meant === undefined ? `one of ${known.join(', ')}` : `"${meant}"?`;
  return { path: showPath([...path, key]), found: 'an unknown key', expected };
}

/** The keys that the schema knows at `path`; a union is decided as the schema itself decides it. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[], raw: unknown): readonly string[] {
  const target = unwrapped(path.reduce<unknown>((within, step) => descend(unwrapped(within), step), schema));
  if (target instanceof z.ZodObject) return Object.keys(target.shape);
  if (!(target instanceof z.ZodDiscriminatedUnion)) return [];
  const chosen = fieldOf(valueAt(raw, path), target.def.discriminator);
  return Object.keys(variantsOf(target).find(({ value }) => value === chosen)?.shape ?? {});
}

function descend(schema: unknown, step: PropertyKey): unknown {
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodDiscriminatedUnion) {
    return schema.options.map((option) => descend(option, step)).find((found) => found !== undefined);
  }
  return schema instanceof z.ZodObject ? (schema.shape as Record<PropertyKey, unknown>)[step] : undefined;
}

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (within, step) =>
      typeof within === 'object' && within !== null
        ? (within as Record<PropertyKey, unknown>)[step]
        : undefined,
    raw,
  );

const showPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((shown, step) => {
    if (typeof step === 'number') return `${shown}[${step}]`;
    return shown === '' ? String(step) : `${shown}.${String(step)}`;
  }, '') || 'the file';

/** TOML reads 2026-01-02, 1.3 and true without quotes as something else than a text: shown with quotes, that looks right. */
function found(value: unknown, issue: z.core.$ZodIssue): string {
  const wantsText =
    (issue.code === 'invalid_type' && issue.expected === 'string') ||
    (issue.code === 'invalid_value' && issue.values.every((allowed) => typeof allowed === 'string'));
  const kind = kindOf(value);
  if (value instanceof Date) return `${value.toISOString()}, ${kind ?? ''}${wantsText ? needsQuotes : ''}`;
  return wantsText && kind !== undefined ? `${show(value)}, ${kind}${needsQuotes}` : show(value);
}

const needsQuotes = ': a text needs quotes';

/** What TOML takes a value without quotes for. */
function kindOf(value: unknown): string | undefined {
  if (value instanceof Date) return 'a TOML date or time';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  return typeof value === 'boolean' ? 'a boolean' : undefined;
}

const longestShown = 60;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' ? String(inner) : inner,
  );
  return shortened(maskSecrets(text));
}

const shortened = (text: string): string =>
  text.length > longestShown ? `${text.slice(0, longestShown)}...` : text;
