// [tls], and what each listener does about TLS. Plain HTTP is for this machine alone, unless the configuration says that
// something in front speaks TLS: that must have been written by somebody, and is never a default.
import type { ConfigProblem } from './problems.js';
import { choice, isLoopback, section, text } from './rules.js';
import { fieldOf, isTable, listIn, type Raw } from './raw-config.js';

const pathOfFile = 'the path of a file';

export const tlsSchema = section({
  cert_file: text(pathOfFile).describe(
    'The certificate of this service, followed by its intermediate certificates.',
  ),
  key_file: text(pathOfFile).describe(
    'The private key of the certificate; only its owner may read the file.',
  ),
  min_version: choice(['1.3', '1.2'])
    .default('1.3')
    .describe('The oldest TLS version that is accepted; "1.2" for old clients.'),
  client_ca_file: text(pathOfFile)
    .optional()
    .describe(
      'The authorities that sign the certificates of callers: with it, callers may use certificates.',
    ),
  revoked_file: text(pathOfFile)
    .optional()
    .describe(
      'Certificates that are refused although their authority is trusted, one per line: sha256:<fingerprint> or serial:<number>.',
    ),
});

const listenerModes = ['on', 'off', 'terminated-elsewhere'] as const;

/** Whether a listener speaks TLS itself. Nothing is said where it is left out: "on" with [tls], else "off". */
export type ListenerTls = (typeof listenerModes)[number];
export const listenerTls = choice(listenerModes).optional().meta({
  description:
    'Whether it speaks TLS: "off" serves this machine only, unless something in front speaks TLS ("terminated-elsewhere").',
  whenUnset: '"on" with [tls], else "off"',
});

/** What a listener does when its own table does not say. */
export const listenerTlsOr = (mode: ListenerTls | undefined, tls: unknown): ListenerTls =>
  mode ?? (tls === undefined ? 'off' : 'on');

/** What is wrong between [tls], the listeners and the callers, by the raw file. */
export function tlsProblems({ tls, server, operations, callers }: Raw): readonly ConfigProblem[] {
  return [
    ...listenerProblems('server', server, tls),
    ...listenerProblems('operations', operations, tls),
    ...authorityProblems(tls, callers),
  ];
}

function listenerProblems(name: string, listener: unknown, tls: unknown): readonly ConfigProblem[] {
  const { host = '127.0.0.1', tls: mode } = isTable(listener) ? listener : {};
  if (mode === 'on' && tls === undefined) {
    return [
      { path: `${name}.tls`, found: '"on" without a [tls] table', expected: certificateOrElsewhere(name) },
    ];
  }
  const plain = mode === 'off' || (mode === undefined && tls === undefined);
  if (!plain || typeof host !== 'string' || isLoopback(host)) return [];
  const expected = `127.0.0.1, because keys would travel unencrypted; or ${certificateOrElsewhere(name)}`;
  return [{ path: `${name}.host`, found: JSON.stringify(host), expected }];
}

const certificateOrElsewhere = (name: string): string =>
  `[tls] with cert_file and key_file, or ${name}.tls = "terminated-elsewhere" where something in front speaks TLS`;

/** Client certificates are worth nothing without an authority to check them by. */
function authorityProblems(tls: unknown, callers: unknown): readonly ConfigProblem[] {
  if (fieldOf(tls, 'client_ca_file') !== undefined) return [];
  const expected = 'tls.client_ca_file, which signs the certificates of callers';
  const useless = (path: string): ConfigProblem => ({ path, found: 'no authority to check it by', expected });
  const ofCallers = listIn(callers).flatMap((caller, index) =>
    fieldOf(caller, 'certificates') !== undefined ? [useless(`callers[${index}].certificates`)] : [],
  );
  return [...(fieldOf(tls, 'revoked_file') !== undefined ? [useless('tls.revoked_file')] : []), ...ofCallers];
}
