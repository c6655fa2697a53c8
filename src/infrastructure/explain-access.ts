// What a caller may do to an id, and which line says so. Asks the very functions that decide when the service runs, with
// the tokens that are good now.
import { grantOf, tokenState, type StoredToken } from '../adapters/tokens/stored-token.js';
import { withConfiguredGrant, type CallerGrants } from '../application/configured-callers.js';
import { allows, decide, type Decision, type Verdict } from '../domain/access.js';
import { permissions, type Permission } from '../domain/caller.js';
import type { CallerId, KeyId } from '../domain/ids.js';

/** One permission; `by` has one sentence for each token that is good now. */
export interface ExplainedPermission {
  readonly permission: Permission;
  /** Whether at least one token allows it. */
  readonly allowed: boolean;
  readonly by: readonly string[];
}

export function explainAccess(
  { caller, id }: { readonly caller: CallerId; readonly id: KeyId },
  configured: CallerGrants,
  tokens: readonly StoredToken[],
  nowMs: number,
): readonly ExplainedPermission[] {
  const callers = tokens
    .filter((token) => token.caller === caller && tokenState(token, nowMs) === 'live')
    .map((token) => withConfiguredGrant({ id: caller, grants: [grantOf(token)] }, configured));
  return permissions.map((permission) => {
    const decisions = callers.map((each) =>
      permission === 'operate' ? decide(each, permission) : decide(each, permission, id),
    );
    const allowed = decisions.some((decision) => decision.allowed);
    return { permission, allowed, by: decisions.length > 0 ? decisions.map(sentenceOf) : [noToken] };
  });
}

const noToken = 'default deny: the caller has no token that is good now';

/** Of a refusal only what refuses. */
const sentenceOf = ({ allowed, verdicts }: Decision): string =>
  verdicts
    .filter((verdict) => allowed || !allows(verdict))
    .map(lineOf)
    .join(' and ');

function lineOf({ source, by, pattern = '' }: Verdict): string {
  switch (by) {
    case 'permission':
      return `${source} allow`;
    case 'pattern':
      return `${source} ids "${pattern}"`;
    case 'denied-pattern':
      return `${source} deny "${pattern}"`;
    case 'no-permission':
      return `default deny: ${source} does not allow it`;
    case 'no-pattern':
      return `default deny: ${source} has no pattern that matches`;
  }
}
