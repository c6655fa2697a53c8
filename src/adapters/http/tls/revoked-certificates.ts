// The list of revoked client certificates: a text file, one certificate per line, by the fingerprint or the serial number
// that openssl prints. An invalid line makes the whole file invalid, because ignoring it would accept a
// certificate that should be refused.
import type { X509Certificate } from 'node:crypto';
import { OperatorError } from '../../system/operator-error.js';

/** Lower-case hexadecimal without colons; serial numbers without leading zeros. */
export interface RevokedCertificates {
  readonly fingerprints: ReadonlySet<string>;
  readonly serials: ReadonlySet<string>;
}

const line = /^(sha256|serial):([0-9a-f](?::?[0-9a-f])*)$/i;

/** `sha256:<64 digits>` or `serial:<digits>` per line, with or without colons; `#` begins a comment. */
export function parseRevoked(file: string, text: string): RevokedCertificates {
  const entries = text.split('\n').flatMap((raw, index) => {
    const content = raw.replace(/#.*/, '').trim();
    return content === '' ? [] : [entryOf(content) ?? refuse(file, index + 1)];
  });
  const of = (what: Entry['what']): ReadonlySet<string> =>
    new Set(entries.filter((entry) => entry.what === what).map(({ digits }) => digits));
  return { fingerprints: of('sha256'), serials: of('serial') };
}

/** Serial numbers are compared without the issuer: a certificate of another authority with the same number is refused too. */
export const isRevoked = (
  { fingerprints, serials }: RevokedCertificates,
  certificate: X509Certificate,
): boolean =>
  fingerprints.has(digitsOf(certificate.fingerprint256)) || serials.has(numberOf(certificate.serialNumber));

interface Entry {
  readonly what: 'sha256' | 'serial';
  readonly digits: string;
}

function entryOf(content: string): Entry | undefined {
  const [, what = '', value = ''] = line.exec(content) ?? [];
  const digits = digitsOf(value);
  if (what.toLowerCase() === 'serial') return { what: 'serial', digits: numberOf(digits) };
  return digits.length === 64 ? { what: 'sha256', digits } : undefined;
}

const digitsOf = (hex: string): string => hex.replaceAll(':', '').toLowerCase();
const numberOf = (hex: string): string => digitsOf(hex).replace(/^0+(?=.)/, '');

function refuse(file: string, at: number): never {
  throw new OperatorError(
    `line ${at} of ${file} names no certificate`,
    'write "sha256:" and the fingerprint, or "serial:" and the serial number, in hexadecimal',
  );
}
