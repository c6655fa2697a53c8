// Between the fields of a record and the columns of a row. The ciphertexts are one JSON column, so that a row changes as
// a whole and is one read.
import { err, ok, Result } from 'neverthrow';
import type { KeyUnreadable } from '../../domain/failures/store-failures.js';
import type { RecordFields, UntrustedFields } from '../../domain/keys/record-format.js';

/** The columns of one row; `ciphertexts` is a JSON list of `{region, kmsKey, bytes}` with the bytes as base64. */
export type KeyRow = Omit<RecordFields, 'ciphertexts'> & { readonly ciphertexts: string };

export function rowOf(fields: RecordFields): KeyRow {
  const ciphertexts = fields.ciphertexts.map(({ region, kmsKey, bytes }) => ({
    region,
    kmsKey,
    bytes: Buffer.from(bytes).toString('base64'),
  }));
  return { ...fields, ciphertexts: JSON.stringify(ciphertexts) };
}

/** Takes a row with its integers as bigints. Everything but a JSON list is left for the record format to judge. */
export function fieldsOfRow(wide: Record<string, unknown>): Result<UntrustedFields, KeyUnreadable> {
  const row = withNumbers(wide);
  // Of a newer format nothing is known, not even that the column is JSON: the format number alone decides.
  return parseJson(row['ciphertexts'])
    .map((ciphertexts) => (Array.isArray(ciphertexts) ? ciphertexts.map(withBytes) : ciphertexts))
    .orElse((failure) => (row['format'] === 1 ? err(failure) : ok(undefined)))
    .map((ciphertexts) => ({ ...row, ciphertexts }));
}

// SQLite's integers have 64 bits. One that a number cannot hold stays a bigint, which no field of a record may be.
const withNumbers = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const number = typeof value === 'bigint' ? Number(value) : undefined;
      return [name, Number.isSafeInteger(number) ? number : value];
    }),
  );

function parseJson(text: unknown): Result<unknown, KeyUnreadable> {
  const notJson: KeyUnreadable = {
    kind: 'key.unreadable',
    reason: 'broken',
    detail: 'ciphertexts: not JSON',
  };
  return Result.fromThrowable(
    (): unknown => JSON.parse(String(text)),
    () => notJson,
  )();
}

function withBytes(ciphertext: unknown): unknown {
  if (typeof ciphertext !== 'object' || ciphertext === null || !('bytes' in ciphertext)) return ciphertext;
  const { bytes } = ciphertext;
  return { ...ciphertext, bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : bytes };
}
