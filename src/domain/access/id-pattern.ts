// Patterns of key ids. Pattern and id are split at `/` and compared segment by segment: `*` matches any characters within
// one segment, `**` as the last segment matches one or more segments. Never uses a regular expression, so that matching
// time is linear for every pattern.
import { err, ok, type Result } from 'neverthrow';
import type { KeyId } from '../ids.js';

/** A valid pattern. Only `parseIdPattern` creates one. */
export interface IdPattern {
  /** The pattern as written. */
  readonly text: string;
  /** Without a final `**`. */
  readonly segments: readonly PatternSegment[];
  /** True if the pattern ends in `**`. */
  readonly andBelow: boolean;
}

/** Matches `before` followed by `after` with anything in between; without `after`, exactly `before`. */
interface PatternSegment {
  readonly before: string;
  readonly after?: string;
}

/** Why a text is not a pattern. `expected` is a phrase for the error message. */
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

/** The pattern `**`, which matches every id. */
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

/** True if the pattern matches `id`. */
export function matchesId({ segments, andBelow }: IdPattern, id: KeyId): boolean {
  const parts = id.split('/');
  const fitsInLength = andBelow ? parts.length > segments.length : parts.length === segments.length;
  return fitsInLength && segments.every((segment, index) => matchesPart(segment, parts[index] ?? ''));
}

function matchesPart({ before, after }: PatternSegment, part: string): boolean {
  if (after === undefined) return part === before;
  return part.length >= before.length + after.length && part.startsWith(before) && part.endsWith(after);
}
