// The argument --caller, which commands about callers share.
import { InvalidArgumentError } from 'commander';
import { parseCallerId, type CallerId } from '../../../domain/ids.js';

export function callerOf(text: string): CallerId {
  const caller = parseCallerId(text);
  if (caller.isOk()) return caller.value;
  throw new InvalidArgumentError(`A caller has ${caller.error.expected}.`);
}
