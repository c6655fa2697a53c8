// Names of keys, versions, regions, callers and deployments. Each is a branded string or number that only its parser can
// make, so every value of the type matches the grammar. Parsers never trim, change case or correct: names are compared byte
// for byte.
import { err, ok, type Result } from 'neverthrow';

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Names a data key: 1 to 255 of `A-Z a-z 0-9 . _ : / - @ + =`, starting with a letter or digit. */
export type KeyId = Branded<string, 'KeyId'>;
/** Numbers the versions of one id, starting at 1. */
export type KeyVersion = Branded<number, 'KeyVersion'>;
/** Names a region: 1 to 64 of `a-z 0-9 -`, starting with a letter. */
export type Region = Branded<string, 'Region'>;
/** Names the authenticated caller of a request: 1 to 128 characters of the key id grammar. */
export type CallerId = Branded<string, 'CallerId'>;
/** Names one installation of RKMS; bound into every ciphertext. 1 to 64 of `A-Z a-z 0-9 . _ -`. */
export type Deployment = Branded<string, 'Deployment'>;

/** The one region in which records are written, or `anywhere` when conditional writes hold in all regions at once. */
export type WritePlace = 'anywhere' | Region;

/** Why a text is not a valid name; `expected` describes the grammar and may be shown to the sender. */
export interface NameInvalid {
  readonly kind: 'name.invalid';
  readonly what: 'key id' | 'key version' | 'region' | 'caller' | 'deployment';
  readonly problem: 'empty' | 'too-long' | 'bad-character' | 'out-of-range';
  readonly expected: string;
}

interface Grammar {
  readonly what: NameInvalid['what'];
  readonly pattern: RegExp;
  readonly maxLength: number;
  readonly expected: string;
}

const grammars = {
  keyId: {
    what: 'key id',
    pattern: /^[A-Za-z0-9][A-Za-z0-9._:/\-@+=]*$/,
    maxLength: 255,
    expected: '1 to 255 characters of A-Z a-z 0-9 . _ : / - @ + =, starting with a letter or digit',
  },
  region: {
    what: 'region',
    pattern: /^[a-z][a-z0-9-]*$/,
    maxLength: 64,
    expected: '1 to 64 characters of a-z 0-9 -, starting with a letter',
  },
  caller: {
    what: 'caller',
    pattern: /^[A-Za-z0-9][A-Za-z0-9._:/\-@+=]*$/,
    maxLength: 128,
    expected: '1 to 128 characters of A-Z a-z 0-9 . _ : / - @ + =, starting with a letter or digit',
  },
  deployment: {
    what: 'deployment',
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    maxLength: 64,
    expected: '1 to 64 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
  },
} as const satisfies Record<string, Grammar>;

function parseName<Name extends string>(text: string, grammar: Grammar): Result<Name, NameInvalid> {
  const invalid = (problem: NameInvalid['problem']): Result<Name, NameInvalid> =>
    err({ kind: 'name.invalid', what: grammar.what, problem, expected: grammar.expected });
  if (text === '') return invalid('empty');
  if (text.length > grammar.maxLength) return invalid('too-long');
  return grammar.pattern.test(text) ? ok(text as Name) : invalid('bad-character');
}

export const parseKeyId = (text: string): Result<KeyId, NameInvalid> => parseName(text, grammars.keyId);
export const parseRegion = (text: string): Result<Region, NameInvalid> => parseName(text, grammars.region);
export const parseCallerId = (text: string): Result<CallerId, NameInvalid> =>
  parseName(text, grammars.caller);
export const parseDeployment = (text: string): Result<Deployment, NameInvalid> =>
  parseName(text, grammars.deployment);

const maxVersion = 2 ** 31 - 1;

/** Accepts whole numbers from 1 to 2^31 - 1, which every store can hold as an integer. */
export function parseKeyVersion(value: number): Result<KeyVersion, NameInvalid> {
  if (Number.isInteger(value) && value >= 1 && value <= maxVersion) return ok(value as KeyVersion);
  const expected = `a whole number from 1 to ${maxVersion}`;
  return err({ kind: 'name.invalid', what: 'key version', problem: 'out-of-range', expected });
}

/** The first version of every id. */
export const firstVersion = 1 as KeyVersion;
