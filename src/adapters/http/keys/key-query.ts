// The strict reading of a request target. The raw text is looked at, because a lenient parser turns different texts into
// the same id: a repeated parameter, a `+` for a space, broken percent-encoding.
import { err, Result } from 'neverthrow';
import { parseKeyId, type KeyId } from '../../../domain/ids.js';
import type { RequestFailure } from '../server/request-failures.js';

/** The one parameter `id`, percent-decoded once and checked against the grammar. */
export function parseKeyQuery(query: string | undefined): Result<KeyId, RequestFailure> {
  const parameters = (query ?? '').split('&').map(splitParameter);
  const ids = parameters.filter(({ name }) => name === 'id');
  if (query === undefined || query === '') return err({ kind: 'request.id-missing' });
  if (ids.length < parameters.length) return err({ kind: 'request.parameter-unknown' });
  if (ids.length > 1) return err({ kind: 'request.id-repeated' });
  const raw = ids[0]?.value ?? '';
  return raw === '' ? err({ kind: 'request.id-missing' }) : decode(raw).andThen(checkId);
}

function splitParameter(parameter: string): { readonly name: string; readonly value: string } {
  const mark = parameter.indexOf('=');
  return mark === -1
    ? { name: parameter, value: '' }
    : { name: parameter.slice(0, mark), value: parameter.slice(mark + 1) };
}

function decode(raw: string): Result<string, RequestFailure> {
  const invalid = (detail: string): RequestFailure => ({ kind: 'request.encoding-invalid', detail });
  if (raw.includes('+')) return err(invalid('A raw "+" can be read in two ways: write %2B for a plus sign.'));
  return Result.fromThrowable(decodeURIComponent, () =>
    invalid('The id is not valid percent-encoded UTF-8: write %25 for a percent sign.'),
  )(raw);
}

/** A text as an id, or what is wrong with it. */
export const checkId = (text: string): Result<KeyId, RequestFailure> =>
  parseKeyId(text).mapErr(({ problem, expected }) => ({
    kind: 'request.id-invalid',
    detail: `The id ${problems[problem]}; an id has ${expected}.`,
  }));

const problems = {
  empty: 'is empty',
  'too-long': 'is too long',
  'bad-character': 'has a character that ids cannot have',
  'out-of-range': 'is out of range',
} as const;
