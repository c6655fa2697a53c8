// How a failure of the application ends a command: the title and the advice that callers of the service get, with the failed
// attempts per region and details that only operators may see.
import { problemOf } from '../../../adapters/http/server/problems.js';
import type { GetKeyFailure } from '../../../domain/failures/key-failures.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';

export function refusedAnswer(failure: GetKeyFailure, requestId: string): OperatorError {
  const { title, detail } = problemOf(failure, requestId);
  const facts = [failure.kind, ...('detail' in failure ? [failure.detail] : [])].join(', ');
  const attempts = 'attempts' in failure ? failure.attempts : [];
  const byRegion = attempts.map(({ region, failure: { kind, ...rest } }) => {
    const reason = 'reason' in rest ? `, ${rest.reason}` : '';
    return `\n  ${region}: ${kind}${reason}`;
  });
  return new OperatorError(`${title} (${facts})${byRegion.join('')}`, detail);
}
