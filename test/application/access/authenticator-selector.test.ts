// The form of the credentials selects the authentication method; two credentials are refused.
import { describe, expect, it } from '@jest/globals';
import { err, okAsync } from 'neverthrow';
import { AuthenticatorSelector } from '../../../src/application/access/authenticator-selector.js';
import type { AuthenticationMethod } from '../../../src/domain/access/caller.js';
import type { Authenticator, ClientCertificate } from '../../../src/ports/authenticator.js';
import { callerId } from '../../support/names.js';

const method = (name: AuthenticationMethod): Authenticator => ({
  authenticate: () => okAsync({ id: callerId(name), method: name, grants: [] }),
});
const token = method('token');
const certificate = method('certificate');
const jwt = method('jwt');
const shown: ClientCertificate = { names: [], trusted: false, notBeforeMs: 0, notAfterMs: 0 };
const refused = (reason: string): unknown => err({ kind: 'authentication.failed', reason });

describe('a request', () => {
  it.each<[string, readonly string[], ClientCertificate | undefined, AuthenticationMethod]>([
    ['a token', ['Bearer rkms_a_b_c'], undefined, 'token'],
    ['what has no form', ['Bearer '], undefined, 'token'],
    ['two parts', ['Bearer a.b'], undefined, 'token'],
    ['four parts', ['Bearer a.b.c.d'], undefined, 'token'],
    ['three parts', ['Bearer a.b.c'], undefined, 'jwt'],
    ['three empty parts', ['bearer ..'], undefined, 'jwt'],
    ['a certificate, good or not', [], shown, 'certificate'],
  ])('with %s is judged by one method', async (_, authorization, shownCertificate, expected) => {
    const methods = new AuthenticatorSelector({ token, certificate, jwt });
    const caller = await methods.authenticate({ authorization, certificate: shownCertificate });
    expect(caller.map((found) => found.method)).toMatchObject({ value: expected });
  });

  it.each<[string, string, readonly string[], ClientCertificate | undefined]>([
    ['nothing', 'missing', [], undefined],
    ['two headers', 'several', ['Bearer rkms_a_b_c', 'Bearer rkms_a_b_c'], undefined],
    ['a token and a certificate', 'several', ['Bearer rkms_a_b_c'], shown],
    ['a JWT and a certificate', 'several', ['Bearer a.b.c'], shown],
    ['an empty header and a certificate', 'several', [''], shown],
  ])('with %s is refused as %s', async (_, reason, authorization, shownCertificate) => {
    const methods = new AuthenticatorSelector({ token, certificate, jwt });
    expect(await methods.authenticate({ authorization, certificate: shownCertificate })).toEqual(
      refused(reason),
    );
  });

  it('for a method that is not configured is refused, and no other method is called', async () => {
    expect(
      await new AuthenticatorSelector({ token }).authenticate({ authorization: ['Bearer a.b.c'] }),
    ).toEqual(refused('method'));
    expect(
      await new AuthenticatorSelector({ jwt }).authenticate({ authorization: ['Bearer rkms_a_b_c'] }),
    ).toEqual(refused('method'));
    expect(
      await new AuthenticatorSelector({ jwt }).authenticate({ authorization: [], certificate: shown }),
    ).toEqual(refused('method'));
  });
});
