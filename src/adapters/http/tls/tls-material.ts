// Reads what the listeners need for TLS: the certificate and its key, the authorities of client certificates, and the
// revoked ones. Checks all of it together; never returns a part of an invalid set.
import { createPrivateKey, X509Certificate, type KeyObject, constants as ssl } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { OperatorError } from '../../system/operator-error.js';
import { codeOf, readPrivateFile } from '../../files/private-files.js';
import { parseRevoked, type RevokedCertificates } from './revoked-certificates.js';

/** Paths as in the configuration. */
export interface TlsSettings {
  readonly certFile: string;
  /** Must be readable only by its owner. */
  readonly keyFile: string;
  readonly minVersion: '1.2' | '1.3';
  /** If set, the server requests a client certificate; clients need not have one. */
  readonly clientCaFile?: string | undefined;
  readonly revokedFile?: string | undefined;
}

/** When one of the configured certificates expires. */
export interface CertificateExpiry {
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
}

export interface TlsMaterial {
  readonly options: SecureContextOptions;
  readonly authorities: readonly X509Certificate[];
  readonly revoked: RevokedCertificates;
  readonly expiries: readonly CertificateExpiry[];
}

/** Throws an OperatorError for a missing or invalid file, or a key that belongs to another certificate. */
export function readTlsMaterial(settings: TlsSettings): TlsMaterial {
  const { certFile, keyFile, clientCaFile, revokedFile } = settings;
  const cert = textIn(certFile);
  const key = readPrivateFile(keyFile) ?? missing(keyFile);
  const chain = certificatesIn(certFile, cert);
  const ca = clientCaFile === undefined ? undefined : textIn(clientCaFile);
  const authorities = clientCaFile === undefined ? [] : authoritiesIn(clientCaFile, ca ?? '');
  refuseForeignKey(settings, chain, privateKeyIn(keyFile, key));
  const options = optionsOf(settings, { cert, key, ...(ca === undefined ? {} : { ca }) });
  refuseUnusable(settings, options);
  const files = [
    ...chain.map((part) => [certFile, part] as const),
    ...authorities.map(authorityOf(clientCaFile)),
  ];
  return {
    options,
    authorities,
    revoked: parseRevoked(revokedFile ?? '', revokedFile === undefined ? '' : textIn(revokedFile)),
    expiries: files.map(([file, { validTo }]) => ({ file, notAfterMs: Date.parse(validTo) })),
  };
}

/**
 * No session resumption: a resumed session would skip the check of the certificate, which may have expired or lost its
 * authority. No renegotiation: only old clients and attackers use it.
 */
const optionsOf = ({ minVersion }: TlsSettings, parts: SecureContextOptions): SecureContextOptions => ({
  ...parts,
  minVersion: `TLSv${minVersion}`,
  secureOptions: ssl.SSL_OP_NO_TICKET | ssl.SSL_OP_NO_RENEGOTIATION | ssl.SSL_OP_NO_COMPRESSION,
});

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesIn(file: string, text: string): readonly X509Certificate[] {
  try {
    const found = (text.match(pemBlock) ?? []).map((pem) => new X509Certificate(pem));
    if (found.length > 0) return found;
  } catch {
    // Reported below; the parser's message has no more information.
  }
  throw new OperatorError(
    `the file ${file} holds no valid certificate in PEM`,
    'write the whole chain into it, ours first',
  );
}

function authoritiesIn(file: string, text: string): readonly X509Certificate[] {
  const found = certificatesIn(file, text);
  const wrong = found.find(({ ca }) => !ca);
  if (wrong !== undefined) {
    throw new OperatorError(
      `the file ${file} holds a certificate that is no authority's (serial ${wrong.serialNumber})`,
      'keep only the authorities in it that sign the certificates of callers',
    );
  }
  // OpenSSL needs a chain up to a self-signed authority, and would otherwise silently trust no client.
  const open = found.find((each) => !found.some((above) => each.checkIssued(above)));
  if (open === undefined) return found;
  throw new OperatorError(
    `the file ${file} holds an authority without the one that signed it (serial ${open.serialNumber})`,
    'add those above it, up to the one that signed itself',
  );
}

const authorityOf =
  (file = '') =>
  (authority: X509Certificate) =>
    [file, authority] as const;

function privateKeyIn(file: string, key: Buffer): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    throw new OperatorError(
      `the file ${file} holds no private key in PEM`,
      'write the key into it, without a passphrase',
    );
  }
}

function refuseForeignKey(settings: TlsSettings, [own]: readonly X509Certificate[], key: KeyObject): void {
  if (own?.checkPrivateKey(key) === true) return;
  throw new OperatorError(
    `the key in ${settings.keyFile} does not belong to the first certificate in ${settings.certFile}`,
    'put the certificate of that key first, the ones that sign it after it',
  );
}

/** Refuses what only OpenSSL can judge, for example a key that is too weak. */
function refuseUnusable({ certFile }: TlsSettings, options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new OperatorError(
      `TLS cannot be spoken with ${certFile} (${codeOf(cause)})`,
      'make a new certificate',
      { cause },
    );
  }
}

function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return missing(file);
    throw new OperatorError(
      `the file ${file} cannot be read (${codeOf(cause)})`,
      'make the user that runs RKMS its owner',
      { cause },
    );
  }
}

function missing(file: string): never {
  throw new OperatorError(
    `there is no file ${file}, which [tls] names`,
    'make it, or correct its name in the configuration',
  );
}
