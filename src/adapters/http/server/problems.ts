// Maps each failure to its RFC 9457 problem document. Callers see only the kind and the text of this table: never text of
// a region, a store or an exception.
import type { CreationLimit } from '../../../domain/access/creation-quota.js';
import type { AuthenticationFailed, GetKeyFailure } from '../../../domain/failures/key-failures.js';
import type { InternalFailure, RequestFailure } from './request-failures.js';

export type HttpFailure = GetKeyFailure | AuthenticationFailed | RequestFailure | InternalFailure;

interface Row {
  readonly status: number;
  readonly title: string;
  /** What the caller can do. */
  readonly detail: string;
}

const tryAgain = 'Try again after the number of seconds in Retry-After.';
const asOperator =
  'Do not retry. Give the requestId to the operator of this service, who finds the cause in the log.';

const rows = {
  'request.body-invalid': {
    status: 400,
    title: 'Invalid body',
    detail: 'Send {"id": "<id>"}.',
  },
  'request.body-too-large': {
    status: 413,
    title: 'Body too large',
    detail: 'Send at most 1,024 bytes.',
  },
  'request.body-unexpected': {
    status: 400,
    title: 'Unexpected body',
    detail: 'Send the request without a body.',
  },
  'request.encoding-invalid': {
    status: 400,
    title: 'Invalid percent-encoding',
    detail: 'Percent-encode the id.',
  },
  'request.headers-too-large': {
    status: 431,
    title: 'Headers too large',
    detail: 'Send at most 8 KiB of headers in total.',
  },
  'request.id-invalid': {
    status: 400,
    title: 'Invalid id',
    detail: 'Use another id.',
  },
  'request.id-missing': {
    status: 400,
    title: 'Missing id',
    detail: 'Send the id: /key?id=<id>.',
  },
  'request.id-repeated': {
    status: 400,
    title: 'More than one id',
    detail: 'Send the parameter id exactly once.',
  },
  'request.malformed': {
    status: 400,
    title: 'Malformed request',
    detail: 'Send an HTTP/1.1 request with a path that starts with "/" and has no "#".',
  },
  'request.media-type-unsupported': {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the header "Content-Type: application/json" and no Content-Encoding.',
  },
  'request.method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    detail: 'Use a method from the Allow header.',
  },
  'request.parameter-unknown': {
    status: 400,
    title: 'Unknown query parameter',
    detail: 'Send only the parameter id.',
  },
  'request.path-unknown': {
    status: 404,
    title: 'Path not found',
    detail: 'Keys are at /key?id=<id>.',
  },
  'request.too-slow': {
    status: 408,
    title: 'Request timeout',
    detail: 'Send the headers within 5 seconds and the whole request within 10.',
  },
  'request.uri-too-long': {
    status: 414,
    title: 'URI too long',
    detail: 'Send a path and query of at most 1,024 characters.',
  },
  'authentication.failed': {
    status: 401,
    title: 'Missing or invalid credentials',
    detail: 'Send either a valid token, "Authorization: Bearer ...", or a client certificate, not both.',
  },
  'access.denied': {
    status: 403,
    title: 'Permission denied',
    detail: 'Ask the operator of this service for the permission. For keys it must include this id.',
  },
  'creation.over-quota': {
    status: 429,
    title: 'Too many requests for new keys',
    detail: `The caller's limit for new keys is reached. ${tryAgain} Existing keys can be read meanwhile.`,
  },
  'key.not-found': {
    status: 404,
    title: 'Key not found',
    detail: 'Check the id, or use a caller with the permission "create".',
  },
  'key.unreadable': {
    status: 500,
    title: 'The key cannot be decrypted',
    detail: asOperator,
  },
  'regions.exhausted': { status: 503, title: 'No region could decrypt the key', detail: tryAgain },
  'regions.below-quorum': {
    status: 503,
    title: 'Too few regions are available to create a key',
    detail: tryAgain,
  },
  'store.unavailable': { status: 503, title: 'The key store is unavailable', detail: tryAgain },
  'store.throttled': { status: 503, title: 'The key store is throttling requests', detail: tryAgain },
  'store.misconfigured': { status: 500, title: 'The key store is misconfigured', detail: asOperator },
  'store.foreign': {
    status: 500,
    title: 'The key store belongs to another deployment',
    detail: asOperator,
  },
  'store.written-elsewhere': {
    status: 500,
    title: 'The key store has a different write region than this service',
    detail: asOperator,
  },
  'store.conflicted': {
    status: 503,
    title: 'Another region was writing the same key',
    detail: tryAgain,
  },
  'store.outcome-unknown': {
    status: 503,
    title: 'Unknown whether the key was stored',
    detail: `${tryAgain} If the key was stored, the same id returns it.`,
  },
  'credentials.invalid': { status: 503, title: 'The service has no valid AWS credentials', detail: tryAgain },
  'audit.unavailable': { status: 503, title: 'The audit log is unavailable', detail: tryAgain },
  'service.overloaded': { status: 503, title: 'The service is overloaded', detail: tryAgain },
  'call.aborted': { status: 503, title: 'The request timed out', detail: tryAgain },
  'vault.request-invalid': { status: 500, title: 'A region rejected the request', detail: asOperator },
  internal: { status: 500, title: 'Internal error', detail: asOperator },
} as const satisfies Record<HttpFailure['kind'], Row>;

export type ProblemKind = keyof typeof rows;

/** :: kind of problem -> its HTTP status. Complete: the service answers with no other kind. */
export const problemStatus = Object.fromEntries(
  Object.entries(rows).map(([kind, { status }]) => [kind, status]),
) as Readonly<Record<ProblemKind, number>>;

/** The prefix of `type` in every problem document. */
export const problemTypePrefix = 'urn:rkms:problem:';

/** An RFC 9457 problem document. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly permission?: string;
  readonly limit?: CreationLimit;
}

export function problemOf(failure: HttpFailure, requestId: string): Problem {
  const { status, title, detail } = rows[failure.kind];
  return {
    type: `${problemTypePrefix}${failure.kind}`,
    title,
    status,
    detail: (isRequestFailure(failure) ? failure.detail : undefined) ?? detail,
    requestId,
    ...(failure.kind === 'access.denied' ? { permission: failure.permission } : {}),
    ...(failure.kind === 'creation.over-quota' ? { limit: failure.limit } : {}),
  };
}

// Details of request failures are written for the client; details of other failures are for the log only.
const isRequestFailure = (failure: HttpFailure): failure is RequestFailure =>
  failure.kind.startsWith('request.');
