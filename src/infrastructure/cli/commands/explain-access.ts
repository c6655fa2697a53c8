// What a caller may do with an id, and which line of the configuration or which token decides it. Calls the functions that
// decide in the running service, for each valid token and for a caller that needs none.
import { grantOf, tokenState, type StoredToken } from '../../../adapters/tokens/stored-token.js';
import { withConfiguredGrant, type CallerGrants } from '../../../application/access/configured-callers.js';
import { allows, decide, type Decision, type Verdict } from '../../../domain/access/access.js';
import { isKeyPermission, permissions, type Permission } from '../../../domain/access/caller.js';
import type { CallerId, KeyId } from '../../../domain/ids.js';

/** One permission; `by` has one sentence for each token that is good now, and one for being recognised without a token. */
export interface ExplainedPermission {
  readonly permission: Permission;
  /** Whether at least one of them allows it. */
  readonly allowed: boolean;
  readonly by: readonly string[];
}

interface Asked {
  readonly caller: CallerId;
  readonly id: KeyId;
  /** Whether the caller has a certificate or a JWT issuer's subject to be recognised by, which grant nothing themselves. */
  readonly recognised: boolean;
}

export function explainAccess(
  { caller, id, recognised }: Asked,
  configured: CallerGrants,
  tokens: readonly StoredToken[],
  nowMs: number,
): readonly ExplainedPermission[] {
  const live = tokens.filter((token) => token.caller === caller && tokenState(token, nowMs) === 'live');
  const credentials = [...live.map((token) => [grantOf(token)]), ...(recognised ? [[]] : [])];
  const callers = credentials.map((grants) => withConfiguredGrant({ id: caller, grants }, configured));
  return permissions.map((permission) => {
    const decisions = callers.map((each) =>
      isKeyPermission(permission) ? decide(each, permission, id) : decide(each, permission),
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
