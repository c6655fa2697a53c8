// Which key ids a right is about. A pattern is cut at `/` into segments, like the id, and compared segment by segment and
// byte for byte: `*` stands for any run of characters inside one segment, a last segment `**` for one or more segments.
// Never a regular expression: each character of an id is looked at a bounded number of times, whatever the pattern.
import { err, ok, type Result } from 'neverthrow';
import type { KeyId } from '../ids.js';

/** A pattern that has passed the grammar; only `parseIdPattern` makes one. */
export interface IdPattern {
  /** As it was written. */
  readonly text: string;
  /** The segments before a last `**`. */
  readonly segments: readonly PatternSegment[];
  /** It ends in `**`: one or more segments must follow. */
  readonly andBelow: boolean;
}

/** Matches `before` followed by `after` with anything in between; without `after`, exactly `before`. */
interface PatternSegment {
  readonly before: string;
  readonly after?: string;
}

/** Why a text is no pattern; `expected` is a phrase to show to whoever wrote it. */
export interface IdPatternInvalid {
  readonly kind: 'id-pattern.invalid';
  readonly problem: keyof typeof expectations;
  readonly expected: string;
}

const maxLength = 255;

const expectations = {
  empty: 'a pattern of ids, as billing/* (** is every id)',
  'too-long': `a pattern of at most ${maxLength} characters`,
  'bad-character': 'a pattern of the characters that ids have (A-Z a-z 0-9 . _ : / - @ + =) and *',
  'bad-start': 'a pattern that starts like an id, with a letter or digit, or with *',
  'misplaced-star': 'at most one * in a segment, and ** only as the whole last segment',
} as const;

/** `**` alone: every id. */
export const everyId: IdPattern = { text: '**', segments: [], andBelow: true };

export function parseIdPattern(text: string): Result<IdPattern, IdPatternInvalid> {
  const problem = problemOf(text);
  if (problem !== undefined)
    return err({ kind: 'id-pattern.invalid', problem, expected: expectations[problem] });
  const segments = text.split('/');
  const andBelow = segments.at(-1) === '**';
  return ok({ text, segments: (andBelow ? segments.slice(0, -1) : segments).map(segmentOf), andBelow });
}

function problemOf(text: string): IdPatternInvalid['problem'] | undefined {
  if (text === '') return 'empty';
  if (text.length > maxLength) return 'too-long';
  if (/[^A-Za-z0-9._:/\-@+=*]/.test(text)) return 'bad-character';
  if (!/^[A-Za-z0-9*]/.test(text)) return 'bad-start';
  const segments = text.split('/');
  const misplaced = segments.some((segment, index) => {
    const stars = segment.split('*').length - 1;
    return stars > 1 && !(segment === '**' && index === segments.length - 1);
  });
  return misplaced ? 'misplaced-star' : undefined;
}

function segmentOf(text: string): PatternSegment {
  const star = text.indexOf('*');
  return star === -1 ? { before: text } : { before: text.slice(0, star), after: text.slice(star + 1) };
}

/** Whether `id` is one of those that the pattern means. */
export function matchesId({ segments, andBelow }: IdPattern, id: KeyId): boolean {
  const parts = id.split('/');
  const fitsInLength = andBelow ? parts.length > segments.length : parts.length === segments.length;
  return fitsInLength && segments.every((segment, index) => matchesPart(segment, parts[index] ?? ''));
}

function matchesPart({ before, after }: PatternSegment, part: string): boolean {
  if (after === undefined) return part === before;
  return part.length >= before.length + after.length && part.startsWith(before) && part.endsWith(after);
}
