// The rules that options are made of. The message of a rule says what is expected, to be read after the word "expected";
// it goes with the rule, so that reports, `rkms config show` and the reference in docs/ say the same.
import { isIP } from 'node:net';
import type { Result } from 'neverthrow';
import { z } from 'zod';

declare module 'zod' {
  /** What an option says of itself, next to `description`: what it is for, in whole sentences. */
  interface GlobalMeta {
    /** The values that it takes, to be read after "expected". */
    expected?: string;
    /** What its number counts. */
    unit?: string;
    /** What holds where it is not given and the default is no fixed value. */
    whenUnset?: string;
  }
}

/** A text that means something: a blank at its end, or a control character, is an accident of copying. */
export const text = (expected: string) =>
  z
    .string({ error: expected })
    .min(1, { error: expected })
    .refine((value) => value.trim() === value && !/[\u0000-\u001f\u007f]/.test(value), {
      error: `${expected}, without blanks at its ends and without control characters`,
    })
    .meta({ expected });

const hostRule =
  'an IP address without brackets, as "127.0.0.1" or "::1", or a host name; the port is an option of its own';
const hostLabel = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Where a listener listens. What ends in a number is an address or nothing. */
export const host = z
  .string({ error: hostRule })
  .refine(
    (value) => {
      const labels = value.split('.');
      return (
        isIP(value) !== 0 ||
        (labels.every((label) => hostLabel.test(label)) && !/^\d+$/.test(labels.at(-1) ?? ''))
      );
    },
    { error: hostRule },
  )
  .meta({ expected: hostRule });

export const whole = (least: number, most: number, unit = '') => {
  const expected = `a whole number${unit && ` of ${unit}`} from ${least} to ${most}`;
  return z
    .int({ error: expected })
    .min(least, { error: expected })
    .max(most, { error: expected })
    .meta({ expected, ...(unit && { unit }) });
};

/** A number that need not be whole, from `least` to `most` or, where `above`, more than `least`. */
export const amount = (expected: string, least: number, most: number, above = false) => {
  const rule = z.number({ error: expected }).max(most, { error: expected });
  const bounded = above ? rule.gt(least, { error: expected }) : rule.min(least, { error: expected });
  return bounded.meta({ expected });
};

export const listOf = <Item extends z.ZodType>(item: Item, expected: string) =>
  z.array(item, { error: expected }).meta({ expected });

/** A text that `parse` accepts; its refusal says what is expected. */
export function named<Name>(parse: (text: string) => Result<Name, { readonly expected: string }>) {
  const empty = parse('');
  const expected = empty.isErr() ? empty.error.expected : 'text';
  return z
    .string({ error: expected })
    .transform((value, context): Name => {
      const parsed = parse(value);
      if (parsed.isOk()) return parsed.value;
      context.addIssue({ code: 'custom', message: parsed.error.expected });
      return z.NEVER;
    })
    .meta({ expected });
}

export const choice = <const Options extends readonly [string, ...string[]]>(options: Options) => {
  const expected = `one of ${options.map((option) => `"${option}"`).join(', ')}`;
  return z.enum(options, { error: expected }).meta({ expected });
};

/** The message of a union of tables: about the deciding key where that is wrong, about the table where there is none. */
export const oneOfTables =
  (key: string, ...values: readonly string[]) =>
  ({ code }: { readonly code?: string }): string => {
    const allowed = values.map((value) => `"${value}"`).join(' or ');
    return code === 'invalid_union' ? allowed : `a table with ${key} = ${allowed}`;
  };

/** Whether a host name or address is this machine. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(host);

const endpointRule =
  'an https:// URL, or an http:// URL of this machine (127.0.0.1, [::1], localhost), plainly written, without credentials or query';

/** Parsers read `2130706433` as 127.0.0.1 and pass over line feeds and backslashes; here a host is spelled as it is meant. */
const plainUrl = /^https?:\/\/(\[[0-9a-f:]+\]|[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::\d{1,5})?(?:\/[\w./-]*)?$/;

/** Plain HTTP only to this machine: what goes to KMS is plaintext keys. */
export const endpoint = z
  .string({ error: endpointRule })
  .refine(
    (value) => {
      const [, host] = plainUrl.exec(value) ?? [];
      const url = URL.parse(value);
      if (host === undefined || url?.hostname !== host) return false;
      return url.protocol === 'https:' || isLoopback(host);
    },
    { error: endpointRule },
  )
  .meta({ expected: endpointRule });

/** A table of options that may be left out as a whole. */
export const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: ({ code }) => (code === 'invalid_type' ? 'a table' : undefined) });

const processes = 'a whole number of processes from 1 to 64, or "auto" for one per core';

export const processCount = z
  .union(
    [
      z.int({ error: processes }).min(1, { error: processes }).max(64, { error: processes }),
      z.literal('auto'),
    ],
    { error: processes },
  )
  .meta({ expected: processes, unit: 'processes' });
