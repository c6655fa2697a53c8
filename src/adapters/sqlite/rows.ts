// Converts between the fields of a record and the columns of a row. All ciphertexts are in one JSON column, so one statement
// reads or replaces a whole record.
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

/** `wide` has its integers as bigints. Only the JSON is checked here; the record format checks the fields. */
export function fieldsOfRow(wide: Record<string, unknown>): Result<UntrustedFields, KeyUnreadable> {
  const row = withNumbers(wide);
  // A newer format may not store JSON here at all. Then the format number alone decides that the record is unreadable.
  return parseJson(row['ciphertexts'])
    .map((ciphertexts) => (Array.isArray(ciphertexts) ? ciphertexts.map(withBytes) : ciphertexts))
    .orElse((failure) => (row['format'] === 1 ? err(failure) : ok(undefined)))
    .map((ciphertexts) => ({ ...row, ciphertexts }));
}

// SQLite's integers have 64 bits. One beyond 2^53 stays a bigint, which the record format refuses.
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
