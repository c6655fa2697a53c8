// The one table from failures to RFC 9457 problem documents. What a row says is all that leaves the service: no text of
// regions, stores or exceptions passes through here, only the kind and what the table says about it.
import type { AuthenticationFailed, GetKeyFailure } from '../../../domain/failures/key-failures.js';
import type { InternalFailure, RequestFailure } from './request-failures.js';

export type HttpFailure = GetKeyFailure | AuthenticationFailed | RequestFailure | InternalFailure;

interface Row {
  readonly status: number;
  readonly title: string;
  /** What to do about it. */
  readonly detail: string;
}

const tryAgain = 'Try again after the time in Retry-After.';
const asOperator = 'Trying again will not help; the operator of this service finds the cause in its log.';

const rows = {
  'request.body-invalid': {
    status: 400,
    title: 'The body does not name a key',
    detail: 'Send {"id": "<id>"}.',
  },
  'request.body-too-large': {
    status: 413,
    title: 'The body is too large',
    detail: 'Keep the body within 1,024 bytes.',
  },
  'request.body-unexpected': {
    status: 400,
    title: 'A body came with a request that has none',
    detail: 'Send the request without a body.',
  },
  'request.encoding-invalid': {
    status: 400,
    title: 'The id is not properly percent-encoded',
    detail: 'Percent-encode the id.',
  },
  'request.headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    detail: 'Keep all headers together within 8 KiB.',
  },
  'request.id-invalid': {
    status: 400,
    title: 'This cannot be the id of a key',
    detail: 'Use another id.',
  },
  'request.id-missing': {
    status: 400,
    title: 'No id was given',
    detail: 'Name the key: /key?id=<id>.',
  },
  'request.id-repeated': {
    status: 400,
    title: 'More than one id was given',
    detail: 'Give the parameter id exactly once.',
  },
  'request.malformed': {
    status: 400,
    title: 'The request is not valid HTTP for this service',
    detail: 'Send an HTTP/1.1 request with a path that starts with "/" and holds no "#".',
  },
  'request.media-type-unsupported': {
    status: 415,
    title: 'The body is not declared as JSON',
    detail: 'Send the header "Content-Type: application/json" and no Content-Encoding.',
  },
  'request.method-not-allowed': {
    status: 405,
    title: 'This path does not know the method',
    detail: 'Use a method from the Allow header.',
  },
  'request.parameter-unknown': {
    status: 400,
    title: 'The query holds an unknown parameter',
    detail: 'Give the parameter id and no other.',
  },
  'request.path-unknown': {
    status: 404,
    title: 'There is nothing at this path',
    detail: 'Keys are at /key?id=<id>.',
  },
  'request.too-slow': {
    status: 408,
    title: 'The request took too long to arrive',
    detail: 'Send the headers within 5 seconds and the whole request within 10.',
  },
  'request.uri-too-long': {
    status: 414,
    title: 'The request target is too long',
    detail: 'Keep path and query within 1,024 characters.',
  },
  'authentication.failed': {
    status: 401,
    title: 'Who is asking?',
    detail:
      'Send a valid token, "Authorization: Bearer ...", or a client certificate; one of them, not both.',
  },
  'access.denied': {
    status: 403,
    title: 'The caller may not do this',
    detail: 'Ask the operator of this service whether this caller should have the permission, for this id.',
  },
  'creation.over-quota': {
    status: 429,
    title: 'Too many keys were made for this caller',
    detail: `${tryAgain} Keys that exist are answered as ever.`,
  },
  'key.not-found': {
    status: 404,
    title: 'There is no key with this id',
    detail: 'Check the id, or ask for it with a token that has the permission "create".',
  },
  'key.unreadable': {
    status: 500,
    title: 'The key is stored, but cannot be opened',
    detail: asOperator,
  },
  'regions.exhausted': { status: 503, title: 'No region could open the key', detail: tryAgain },
  'regions.below-quorum': {
    status: 503,
    title: 'Too few regions could hold a new key; none was created',
    detail: tryAgain,
  },
  'store.unavailable': { status: 503, title: 'The key store does not answer', detail: tryAgain },
  'store.throttled': { status: 503, title: 'The key store is over its quota', detail: tryAgain },
  'store.misconfigured': { status: 500, title: 'The key store is not set up right', detail: asOperator },
  'store.foreign': {
    status: 500,
    title: 'The key store belongs to another deployment',
    detail: asOperator,
  },
  'store.written-elsewhere': {
    status: 500,
    title: 'The key store is written in another region than this service is configured for',
    detail: asOperator,
  },
  'store.conflicted': {
    status: 503,
    title: 'Another region was writing the same key; nothing was stored',
    detail: tryAgain,
  },
  'store.outcome-unknown': {
    status: 503,
    title: 'It is not known whether the key was stored',
    detail: `${tryAgain} The same id answers with the key that was stored, if one was.`,
  },
  'credentials.invalid': { status: 503, title: 'The service has no valid AWS credentials', detail: tryAgain },
  'audit.unavailable': { status: 503, title: 'The audit log takes no entry', detail: tryAgain },
  'service.overloaded': { status: 503, title: 'The service has more to do than it can', detail: tryAgain },
  'call.aborted': { status: 503, title: 'The request ran out of time', detail: tryAgain },
  'vault.request-invalid': { status: 500, title: 'A region refuses the request', detail: asOperator },
  internal: { status: 500, title: 'Something went wrong inside the service', detail: asOperator },
} as const satisfies Record<HttpFailure['kind'], Row>;

export type ProblemKind = keyof typeof rows;

/** Every kind of problem that the service can answer with, and the status of each. */
export const problemStatus = Object.fromEntries(
  Object.entries(rows).map(([kind, { status }]) => [kind, status]),
) as Readonly<Record<ProblemKind, number>>;

/** What the types of all problem documents begin with. */
export const problemTypePrefix = 'urn:rkms:problem:';

/** An RFC 9457 problem document. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly permission?: string;
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
  };
}

// The details of request failures are ours, written for their sender; all others are for the log.
const isRequestFailure = (failure: HttpFailure): failure is RequestFailure =>
  failure.kind.startsWith('request.');
