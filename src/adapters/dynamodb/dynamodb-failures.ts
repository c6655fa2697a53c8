// Maps the errors of DynamoDB to failure kinds. For a write that may have reached the table, silence and server errors mean an
// unknown outcome (I8).
import type { CredentialsInvalid } from '../../domain/failures/region-failures.js';
import type {
  StoreMisconfigured,
  StoreOutage,
  StoreReadFailure,
  StoreThrottled,
  StoreWriteFailure,
} from '../../domain/failures/store-failures.js';
import { transportFailure, type TransportFailure } from '../aws/transport-failures.js';

/** :: name of the DynamoDB error -> what to change. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html */
const misconfigured: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ResourceNotFoundException:
      'the table does not exist in this region: create it with partition key id (S) and sort key version (N)',
    AccessDeniedException: 'the IAM policy does not allow the call on this table',
    AccessDenied: 'the IAM policy does not allow the call on this table',
    ValidationException:
      'the table refuses the request: its keys must be id (S, partition) and version (N, sort)',
    OptInRequired: 'the account is not signed up for DynamoDB in this region',
  }),
);

/** The failure that DynamoDB itself reported, or undefined when the error is not known to come from DynamoDB. */
function answered(
  cause: unknown,
  transport: TransportFailure | undefined,
): CredentialsInvalid | StoreThrottled | StoreMisconfigured | undefined {
  const detail = cause instanceof Error ? misconfigured.get(cause.name) : undefined;
  if (detail !== undefined) return { kind: 'store.misconfigured', detail, cause };
  if (transport?.kind === 'credentials.invalid') return transport;
  return transport?.kind === 'region.throttled' ? { kind: 'store.throttled', cause } : undefined;
}

export function readFailure(cause: unknown): StoreReadFailure {
  const transport = transportFailure(cause);
  if (transport?.kind === 'call.aborted') return transport;
  return answered(cause, transport) ?? { kind: 'store.unavailable', ...outageIn(transport), cause };
}

/** Every error that is not a clear refusal means an unknown outcome. */
export function writeFailure(cause: unknown): StoreWriteFailure {
  if (cause instanceof Error && cause.name === 'ReplicatedWriteConflictException')
    return { kind: 'store.conflicted', cause };
  const transport = transportFailure(cause);
  return answered(cause, transport) ?? { kind: 'store.outcome-unknown', ...outageIn(transport), cause };
}

function outageIn(transport: TransportFailure | undefined): { readonly reason?: StoreOutage } {
  if (transport?.kind === 'region.untrusted') return { reason: 'untrusted' };
  return transport?.kind === 'region.unavailable' ? { reason: transport.reason } : {};
}

const denials = new Set(['AccessDeniedException', 'AccessDenied']);

/** Whether AWS denied the call, which says nothing about the table. */
export const isDenied = (cause: unknown): boolean => cause instanceof Error && denials.has(cause.name);
