// Turns errors of scanning another system's DynamoDB table into failures, with what to change where that is known.
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import { transportFailure } from '../aws/transport-failures.js';

/** :: name of the DynamoDB error -> what to change. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html#API_Scan_Errors */
const misconfigured: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ResourceNotFoundException:
      'the table does not exist in this region: check --from-table and --from-region',
    AccessDeniedException: 'the IAM policy does not allow dynamodb:Scan on the table',
    AccessDenied: 'the IAM policy does not allow dynamodb:Scan on the table',
    ValidationException: 'the table cannot be scanned: check --from-table',
    OptInRequired: 'the account is not signed up for DynamoDB in this region',
  }),
);

/** Never throws. An error without a known name is `store.unavailable`, which is tried again. */
export function scanFailure(cause: unknown): StoreReadFailure {
  const detail = cause instanceof Error ? misconfigured.get(cause.name) : undefined;
  if (detail !== undefined) return { kind: 'store.misconfigured', detail, cause };
  const transport = transportFailure(cause);
  if (transport?.kind === 'credentials.invalid' || transport?.kind === 'call.aborted') return transport;
  return { kind: transport?.kind === 'region.throttled' ? 'store.throttled' : 'store.unavailable', cause };
}
