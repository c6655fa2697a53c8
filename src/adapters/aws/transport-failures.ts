// Classifies the failures that all AWS services share: network, TLS, credentials, throttling and 5xx. Uses error names and
// codes only; the text of an error may change and is never read.
import { CredentialsError } from './credentials-error.js';
import type {
  CallAborted,
  CredentialsInvalid,
  OutageReason,
  RegionThrottled,
  RegionUnavailable,
  RegionUntrusted,
} from '../../domain/failures/region-failures.js';

export type TransportFailure =
  RegionUnavailable | RegionUntrusted | RegionThrottled | CredentialsInvalid | CallAborted;

/** :: code of Node's network errors -> reason */
const outageOfCode: ReadonlyMap<string, OutageReason> = new Map(
  Object.entries({
    ENOTFOUND: 'dns',
    EAI_AGAIN: 'dns',
    EAI_FAIL: 'dns',
    ENODATA: 'dns',
    ECONNREFUSED: 'refused',
    ECONNRESET: 'reset',
    ECONNABORTED: 'reset',
    EPIPE: 'reset',
    ERR_STREAM_PREMATURE_CLOSE: 'reset',
    // undici's: the connection ended in the middle of an answer.
    UND_ERR_SOCKET: 'reset',
    EHOSTUNREACH: 'unreachable',
    ENETUNREACH: 'unreachable',
    EHOSTDOWN: 'unreachable',
    ENETDOWN: 'unreachable',
    EADDRNOTAVAIL: 'unreachable',
    ETIMEDOUT: 'timed-out',
    ESOCKETTIMEDOUT: 'timed-out',
  } as const),
);

/** Codes with which OpenSSL rejects a certificate and Node rejects its name. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const untrustedCode =
  /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|EPROTO$)/;

/** Common error names of AWS. https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html */
export const credentialErrors: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

const throttlingErrors = new Set([
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** The failure that `cause` means for every AWS service, or undefined when its name is specific to one service. */
export function transportFailure(cause: unknown): TransportFailure | undefined {
  if (cause instanceof CredentialsError) return notIssued(cause);
  const { name, codes, status } = factsOf(cause);
  if (name === 'AbortError') return { kind: 'call.aborted' };
  if (credentialErrors.has(name)) return { kind: 'credentials.invalid', cause };
  if (throttlingErrors.has(name) || status === 429) return { kind: 'region.throttled', cause };
  if (codes.some((code) => untrustedCode.test(code))) return { kind: 'region.untrusted', cause };
  const reason = codes.map((code) => outageOfCode.get(code)).find((known) => known !== undefined);
  if (reason !== undefined) return { kind: 'region.unavailable', reason, cause };
  if (name === 'TimeoutError') return { kind: 'region.unavailable', reason: 'timed-out', cause };
  // Checked before the body is parsed: the 503 of a load balancer is an HTML page.
  if (status !== undefined && status >= 500) {
    return { kind: 'region.unavailable', reason: 'server-error', cause };
  }
  return name === 'SyntaxError' ? { kind: 'region.unavailable', reason: 'unintelligible', cause } : undefined;
}

/** A provider that is down says nothing about the service that was to be called: it was not called. */
const notIssued = (cause: CredentialsError): CredentialsInvalid => ({
  kind: 'credentials.invalid',
  detail: cause.message,
  ...(cause.isTemporary && { isTemporary: true }),
  cause,
});

interface ErrorFacts {
  readonly name: string;
  /** Codes of the error and of its inner errors: connecting may try several addresses. */
  readonly codes: readonly string[];
  readonly status: number | undefined;
}

function factsOf(cause: unknown): ErrorFacts {
  if (!(cause instanceof Error)) return { name: '', codes: [], status: undefined };
  const metadata =
    '$metadata' in cause ? (cause.$metadata as { httpStatusCode?: unknown } | null) : undefined;
  const status = typeof metadata?.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
  return { name: cause.name, codes: codesOf(cause, 3), status };
}

function codesOf(cause: unknown, depth: number): readonly string[] {
  if (!(cause instanceof Error) || depth === 0) return [];
  const own = 'code' in cause && typeof cause.code === 'string' ? [cause.code] : [];
  const inner: readonly unknown[] =
    'errors' in cause && Array.isArray(cause.errors) ? cause.errors : [cause.cause];
  return [...own, ...inner.flatMap((error) => codesOf(error, depth - 1))];
}
