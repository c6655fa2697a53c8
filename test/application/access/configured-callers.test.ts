// What the configuration says of callers, over what their credentials say.
import { describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync } from 'neverthrow';
import { ConfiguredCallers, type CallerGrants } from '../../../src/application/access/configured-callers.js';
import { may } from '../../../src/domain/access/access.js';
import type { Authenticator, Credentials } from '../../../src/ports/authenticator.js';
import { callerWith, grant } from '../../support/callers.js';
import { callerId, keyId } from '../../support/names.js';

const credentials: Credentials = { authorization: ['Bearer x'] };
const configured = (...names: readonly string[]): CallerGrants =>
  new Map(names.map((name) => [callerId(name), grant(['read'], { source: `config ${name}` })]));
const caller = callerWith(['read', 'create'], { source: 'token' });

async function authenticated(grants: CallerGrants): Promise<typeof caller> {
  const method: Authenticator = { authenticate: () => okAsync(caller) };
  return (await new ConfiguredCallers(method, grants).authenticate(credentials))._unsafeUnwrap();
}

describe('a caller', () => {
  it('has the rights of the credential where the configuration names no callers', async () => {
    expect(await authenticated(undefined)).toEqual(caller);
  });

  it('has only those that the configuration and the credential both grant', async () => {
    const both = await authenticated(configured('app', 'other'));
    expect(both.grants.map(({ source }) => source)).toEqual(['config app', 'token']);
    expect([may(both, 'read', keyId('a')), may(both, 'create', keyId('a'))]).toEqual([true, false]);
  });

  it.each([[configured('other')], [configured()]])(
    'who is missing where callers are configured may do nothing: %#',
    async (grants) => {
      const stranger = await authenticated(grants);
      expect(stranger.grants.map(({ source }) => source)).toEqual(['not in [[callers]]', 'token']);
      expect([may(stranger, 'read', keyId('a')), may(stranger, 'operate')]).toEqual([false, false]);
    },
  );
});

it('a caller that the method refuses is refused, and the method gets the credentials unchanged', async () => {
  const seen: Credentials[] = [];
  const method: Authenticator = {
    authenticate: (brought) => {
      seen.push(brought);
      return errAsync({ kind: 'authentication.failed' });
    },
  };
  const refused = await new ConfiguredCallers(method, configured('app')).authenticate(credentials);
  expect([refused, seen]).toEqual([err({ kind: 'authentication.failed' }), [credentials]]);
  expect(refused).not.toEqual(ok(caller));
});
