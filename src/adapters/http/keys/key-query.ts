// Strict parsing of the query of GET /key. Works on the raw text, because URL parsers turn different texts into the same
// id: a repeated parameter, `+` for a space, broken percent-encoding.
import { err, Result } from 'neverthrow';
import { parseKeyId, type KeyId } from '../../../domain/ids.js';
import type { RequestFailure } from '../server/request-failures.js';

/** The parameter `id`, percent-decoded once. Any other parameter, or a second `id`, is refused. */
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
  if (raw.includes('+')) return err(invalid('A raw "+" is ambiguous: write %2B for a plus sign.'));
  return Result.fromThrowable(decodeURIComponent, () =>
    invalid('The id is not valid percent-encoded UTF-8: write %25 for a percent sign.'),
  )(raw);
}

/** `request.id-invalid` with the reason in `detail` if the text is not a valid id. */
export const checkId = (text: string): Result<KeyId, RequestFailure> =>
  parseKeyId(text).mapErr(({ problem, expected }) => ({
    kind: 'request.id-invalid',
    detail: `The id ${problems[problem]}; an id has ${expected}.`,
  }));

const problems = {
  empty: 'is empty',
  'too-long': 'is too long',
  'bad-character': 'has a character that is not allowed in ids',
  'out-of-range': 'is out of range',
} as const;
