// Tokens of other issuers (JWT) end to end: what is believed, and a long table of what is not. Each refusal is the same
// answer, and nothing behind the app is reached.
import { createPublicKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { JwtAuthenticator, type Issuer } from '../../src/adapters/jwt/jwt-authenticator.js';
import type { JwtSubject } from '../../src/adapters/jwt/jwt-subjects.js';
import { algorithms, keyFor, parseKeySet, type Algorithm } from '../../src/adapters/jwt/key-set.js';
import { maxJwtLength, unverifiedJwt } from '../../src/adapters/jwt/unverified-jwt.js';
import { ConfiguredCallers } from '../../src/application/access/configured-callers.js';
import { AuthenticatorSelector } from '../../src/application/access/authenticator-selector.js';
import { grant } from '../support/callers.js';
import type { HttpAnswer } from '../support/http-client.js';
import {
  base64url,
  hmacSigned,
  keys,
  keySetText,
  publicJwk,
  signature,
  signed,
  signedTexts,
  withPart,
  type Member,
} from '../support/jwt-lab.js';
import { ManualClock } from '../support/manual-clock.js';
import { callerId } from '../support/names.js';
import { nothingTouched, ServedApp } from '../support/served-app.js';

const clock = new ManualClock();
const nowS = clock.nowMs() / 1_000;
const iss = 'https://issuer.example';
const edIss = 'https://ed.example';
const manyIss = 'https://many.example';
const kubeIss = 'https://kubernetes.default.svc';
const caller = callerId('billing');

const issuer = (name: string, allowed: readonly Algorithm[], set: string, kubernetes = false): Issuer => {
  const known = parseKeySet(set) ?? [];
  const find: Issuer['keys']['find'] = (header) => Promise.resolve(keyFor(known, header));
  const terms = { audience: 'rkms', maxLifetimeS: 86_400, kubernetes };
  return { issuer: name, algorithms: allowed, ...terms, keys: { find } };
};
const jwk = { rsa: publicJwk(keys.rsa, { kid: 'rsa' }), ec: publicJwk(keys.ec, { kid: 'ec', use: 'sig' }) };
const issuers = [
  issuer(
    iss,
    ['RS256', 'ES256'],
    keySetText(
      { ...jwk.rsa, alg: 'RS256' },
      jwk.ec,
      publicJwk(keys.otherRsa, { kid: 'encryption', use: 'enc' }),
      publicJwk(keys.smallRsa, { kid: 'small' }),
      publicJwk(keys.ec, { kid: 'twice' }),
      publicJwk(keys.otherEc, { kid: 'twice' }),
      publicJwk(keys.ec384, { kid: 'ec384' }),
      publicJwk(keys.rsa, { kid: 'pss', alg: 'PS256' }),
    ),
  ),
  issuer(edIss, ['EdDSA'], keySetText(publicJwk(keys.ed))),
  issuer(
    manyIss,
    Object.keys(algorithms) as Algorithm[],
    keySetText(
      publicJwk(keys.rsa, { kid: 'R' }),
      publicJwk(keys.ec, { kid: 'ES256' }),
      publicJwk(keys.ec384, { kid: 'ES384' }),
      publicJwk(keys.ec521, { kid: 'ES512' }),
      publicJwk(keys.ed, { kid: 'E' }),
    ),
  ),
  issuer(kubeIss, ['RS256'], keySetText(jwk.rsa), true),
];
const subjects: readonly JwtSubject[] = [
  { caller, issuer: iss, subject: 'billing' },
  { caller, issuer: edIss, subject: 'ed' },
  { caller, issuer: manyIss, subject: 'many' },
  { caller, issuer: kubeIss, namespace: 'prod', account: 'billing' },
  { caller, issuer: kubeIss, namespace: 'prod', account: 'pinned', uid: 'u-1' },
];

let app: ServedApp;
beforeAll(async () => {
  const grants = new Map([[caller, grant(['read', 'create'], { source: 'callers[0]' })]]);
  app = await ServedApp.start({
    authenticator: (token) =>
      new AuthenticatorSelector({
        token,
        jwt: new ConfiguredCallers(new JwtAuthenticator(issuers, subjects, clock), grants),
      }),
  });
});
afterAll(() => app.stop());

const get = (...authorization: readonly string[]): Promise<HttpAnswer> =>
  app.ask({ target: '/key?id=a', headers: { Authorization: [...authorization] } });

const header = { alg: 'RS256', typ: 'JWT', kid: 'rsa' };
const ecHeader = { alg: 'ES256', typ: 'JWT', kid: 'ec' };
const claims = { iss, aud: 'rkms', sub: 'billing', iat: nowS - 10, exp: nowS + 3_600 };
const token = (head: Member = {}, body: Member = {}): string =>
  signed({ ...header, ...head }, { ...claims, ...body }, 'RS256', keys.rsa);
const ecToken = (head: Member = {}, body: Member = {}): string =>
  signed({ ...ecHeader, ...head }, { ...claims, ...body }, 'ES256', keys.ec);
const without = (members: Member, name: string): Member =>
  Object.fromEntries(Object.entries(members).filter(([each]) => each !== name));
const texts = (head: string | Uint8Array, payload: string | Uint8Array): string =>
  signedTexts(head, payload, 'RS256', keys.rsa);
const [headText, claimText] = [JSON.stringify(header), JSON.stringify(claims)];

const account = { namespace: 'prod', serviceaccount: { name: 'billing', uid: 'u-7' } };
const kubeClaims = {
  ...claims,
  iss: kubeIss,
  aud: ['rkms'],
  sub: 'system:serviceaccount:prod:billing',
  'kubernetes.io': account,
};
const kubeToken = (body: Member = {}, head: Member = { alg: 'RS256', kid: 'rsa' }): string =>
  signed(head, { ...kubeClaims, ...body }, 'RS256', keys.rsa);

describe('a token of an issuer', () => {
  it.each<[string, () => string]>([
    ['that is as it should be', () => token()],
    ['signed by another of its keys', () => ecToken()],
    ['for several audiences', () => token({}, { aud: ['other', 'rkms'] })],
    ['for access, after RFC 9068', () => token({ typ: 'at+jwt' })],
    ['whose type is in capitals', () => token({ typ: 'AT+JWT' })],
    ['that began this second', () => token({}, { nbf: nowS, iat: nowS })],
    ['made by a clock 29 s ahead', () => token({}, { nbf: nowS + 29, iat: nowS + 29 })],
    ['that ended 29 s ago', () => token({}, { exp: nowS - 29, iat: nowS - 100 })],
    ['that lives for a whole day', () => token({}, { iat: nowS, exp: nowS + 86_400 })],
    ['with claims that are not used', () => token({ x5t: 'AAAA' }, { jti: 'x', groups: ['a', { b: [1] }] })],
    [
      'with the only key of its issuer and no kid',
      () => signed({ alg: 'EdDSA', typ: 'JWT' }, { ...claims, iss: edIss, sub: 'ed' }, 'EdDSA', keys.ed),
    ],
    ['of a service account', () => kubeToken()],
    ['of a service account, with a type', () => kubeToken({}, header)],
    [
      'of a service account with the uid',
      () =>
        kubeToken({
          sub: 'system:serviceaccount:prod:pinned',
          'kubernetes.io': {
            ...account,
            serviceaccount: { name: 'pinned', uid: 'u-1' },
            pod: { name: 'p', uid: 'u' },
          },
        }),
    ],
  ])('%s speaks for its caller', async (_, made) => {
    expect(await get(`Bearer ${made()}`)).toMatchObject({ status: 200 });
    expect(app.service.audit.entries.at(-1)).toMatchObject({ caller: 'billing', method: 'jwt' });
  });

  it.each(Object.keys(algorithms) as Algorithm[])(
    'signed by %s is accepted where that algorithm is allowed',
    async (alg) => {
      const key = {
        RSA: keys.rsa,
        'P-256': keys.ec,
        'P-384': keys.ec384,
        'P-521': keys.ec521,
        Ed25519: keys.ed,
      };
      const needed = algorithms[alg];
      const kid = alg.startsWith('ES') ? alg : alg.startsWith('E') ? 'E' : 'R';
      const made = signed(
        { ...header, alg, kid },
        { ...claims, iss: manyIss, sub: 'many' },
        alg,
        key['crv' in needed ? needed.crv : 'RSA'],
      );
      expect(await get(`Bearer ${made}`)).toMatchObject({ status: 200 });
    },
  );

  it('does not affect bearer tokens', async () => {
    expect(await get(app.bearer('read', 'create'))).toMatchObject({ status: 200 });
    expect(app.service.audit.entries.at(-1)).toMatchObject({ method: 'token' });
  });
});

type Case = readonly [name: string, ...authorization: readonly string[]];
const bearer = (name: string, made: string): Case => [name, `Bearer ${made}`];
const each = <T>(values: readonly T[], name: string, make: (value: T) => string): Case[] =>
  values.map((value) =>
    bearer(`${name} ${value === undefined ? 'missing' : JSON.stringify(value)}`, make(value)),
  );

const spki = createPublicKey(keys.rsa).export({ type: 'spki', format: 'pem' }).toString();
const spkiDer = createPublicKey(keys.rsa).export({ type: 'spki', format: 'der' });

const algorithmCases = (): Case[] => [
  ...each(
    [
      'none',
      'None',
      'NONE',
      'nOnE',
      '',
      'HS256',
      'RS384',
      'RS512',
      'PS384',
      'PS512',
      'RS1',
      'ES256',
      'ES256K',
      'EdDSA',
      'dir',
      'RSA-OAEP',
      'rs256',
      'RS256 ',
      ' RS256',
      'RS256\0',
      null,
      256,
      true,
      ['RS256'],
      { alg: 'RS256' },
    ],
    'a header with the algorithm',
    (alg) => token({ alg }),
  ),
  ...each(['none', 'None', 'RS256'], 'no signature, and the algorithm', (alg) =>
    withPart(token({ alg }), 2, () => ''),
  ),
  bearer('no algorithm', signed(without(header, 'alg'), claims, 'RS256', keys.rsa)),
  ...(['HS256', 'HS384', 'HS512'] as const).flatMap((alg) =>
    [spki, spki.trimEnd(), spkiDer, JSON.stringify(jwk.rsa), String(jwk.rsa['n']), ''].map((secret, index) =>
      bearer(`${alg} with a public key for a secret, form ${index}`, hmacSigned(alg, header, claims, secret)),
    ),
  ),
  ...(['RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const).flatMap((alg) => [
    bearer(`${alg}, which is not allowed`, signed({ ...header, alg }, claims, alg, keys.rsa)),
    bearer(`RS256 over what is signed by ${alg}`, signed(header, claims, alg, keys.rsa)),
  ]),
  bearer(
    'ES384, which is not allowed',
    signed({ ...ecHeader, alg: 'ES384', kid: 'ec384' }, claims, 'ES384', keys.ec384),
  ),
  bearer(
    'ES256 with a key of another curve',
    signed({ ...ecHeader, kid: 'ec384' }, claims, 'ES256', keys.ec384),
  ),
  bearer('RS256 with a key that is for PS256', token({ kid: 'pss' })),
  bearer(
    'RS256 with a key that is for encryption',
    signed({ ...header, kid: 'encryption' }, claims, 'RS256', keys.otherRsa),
  ),
  bearer(
    'RS256 with a key of 1,024 bits',
    signed({ ...header, kid: 'small' }, claims, 'RS256', keys.smallRsa),
  ),
  bearer('an algorithm of another issuer', signed({ ...header, alg: 'EdDSA' }, claims, 'EdDSA', keys.ed)),
];

const headerCases = (): Case[] => [
  ...each(
    [
      '',
      'JWE',
      'JWS',
      'at',
      'JWT ',
      'logout+jwt',
      'secevent+jwt',
      'dpop+jwt',
      'application/jwt',
      5,
      null,
      ['JWT'],
    ],
    'the type',
    (typ) => token({ typ }),
  ),
  bearer('no type', signed(without(header, 'typ'), claims, 'RS256', keys.rsa)),
  ...each(
    ['', 'unknown', 'RSA', 'ec', '../rsa', 'rsa\0', 'a'.repeat(300), 5, null, ['rsa'], { kid: 'rsa' }],
    'the key id',
    (kid) => token({ kid }),
  ),
  bearer('no key id where there are several keys', signed(without(header, 'kid'), claims, 'RS256', keys.rsa)),
  bearer('a key id that two keys have', ecToken({ kid: 'twice' })),
  ...each(
    [
      { crit: [] },
      { crit: ['exp'], exp: 1 },
      { crit: ['b64'], b64: false },
      { b64: true },
      { enc: 'A128GCM' },
      { zip: 'DEF' },
      { jku: 'https://issuer.example/jwks' },
      { x5u: 'https://issuer.example/x5u' },
      { x5c: ['AAAA'] },
      { jwk: jwk.rsa },
      { jwk: null },
      { crit: null },
    ],
    'a header with',
    (more) => token(more),
  ),
  bearer(
    'a key of its own',
    signed({ ...header, jwk: publicJwk(keys.otherRsa) }, claims, 'RS256', keys.otherRsa),
  ),
];

const claimCases = (): Case[] => [
  ...each(
    [
      '',
      'https://other.example',
      `${iss}/`,
      'HTTPS://ISSUER.EXAMPLE',
      ` ${iss}`,
      edIss,
      kubeIss,
      [iss],
      { iss },
      5,
      null,
      true,
    ],
    'the issuer',
    (value) => token({}, { iss: value }),
  ),
  ...each(
    [
      '',
      'other',
      'RKMS',
      'rkms ',
      'other,rkms',
      'rkms2',
      [],
      ['other'],
      [['rkms']],
      ['rkms', 5],
      [null, 'rkms'],
      { 0: 'rkms', length: 1 },
      5,
      null,
      true,
    ],
    'the audience',
    (aud) => token({}, { aud }),
  ),
  ...each(
    [
      nowS - 3_600,
      nowS - 31,
      nowS - 30,
      0,
      -1,
      String(nowS + 3_600),
      null,
      true,
      [nowS + 3_600],
      { value: nowS + 3_600 },
      nowS - 10,
      nowS - 20,
      nowS + 86_400,
      nowS + 1e9,
      1e15,
    ],
    'the end',
    (exp) => token({}, { exp }),
  ),
  ...each([nowS + 31, nowS + 3_600, String(nowS), null, true, [nowS], -1], 'the beginning', (nbf) =>
    token({}, { nbf }),
  ),
  ...each(
    [nowS + 31, nowS + 3_599, nowS - 90_000, String(nowS), null, true, [nowS], -1, 0],
    'the time of making',
    (iat) => token({}, { iat }),
  ),
  ...each(
    [
      '',
      'other',
      'Billing',
      ' billing',
      'billing ',
      'billing\0',
      'bill',
      'ed',
      'system:serviceaccount:prod:billing',
      5,
      null,
      ['billing'],
      { sub: 'billing' },
    ],
    'the subject',
    (sub) => token({}, { sub }),
  ),
  ...['iss', 'aud', 'exp', 'iat', 'sub'].map((name) =>
    bearer(`no claim ${name}`, signed(header, without(claims, name), 'RS256', keys.rsa)),
  ),
  bearer(
    'the subject of another issuer',
    signed({ alg: 'EdDSA', typ: 'JWT' }, { ...claims, iss: edIss }, 'EdDSA', keys.ed),
  ),
  bearer('an end beyond all numbers', texts(headText, claimText.replace(String(claims.exp), '1e999'))),
];

const jsonCases = (): Case[] => [
  bearer(
    'a header with two algorithms',
    texts('{"alg":"none","alg":"RS256","typ":"JWT","kid":"rsa"}', claimText),
  ),
  bearer(
    'a header with two key ids',
    texts('{"alg":"RS256","typ":"JWT","kid":"rsa","kid":"rsa"}', claimText),
  ),
  ...['iss', 'aud', 'sub', 'exp', 'iat', '\\u0073ub', 'is\\u0073'].map((name) =>
    bearer(`the claim ${name} twice`, texts(headText, claimText.replace('{', `{"${name}":"other",`))),
  ),
  bearer(
    'a member twice in a claim',
    texts(headText, claimText.replace('{', '{"x":[{"a":1,"b":{},"a":2}],')),
  ),
  bearer(
    'claims nested without end',
    texts(headText, claimText.replace('{', `{"x":${'['.repeat(50)}${']'.repeat(50)},`)),
  ),
  ...[
    '',
    'null',
    '5',
    '"text"',
    '[]',
    `[${claimText}]`,
    claimText.slice(0, -1),
    `${claimText},`,
    `${claimText}{}`,
    claimText.replaceAll('"', "'"),
    claimText.replace('}', ',}'),
    `/* */${claimText}`,
    `\ufeff${claimText}`,
    `${claimText}\0`,
  ].flatMap((payload, index) => [
    bearer(`a payload that is no object, ${index}`, texts(headText, payload)),
    bearer(`a header that is no object, ${index}`, texts(payload.replace(claimText, headText), claimText)),
  ]),
  bearer(
    'a payload that is no UTF-8',
    texts(headText, Buffer.from(claimText.replace('{', '{"x":"\u00ff",'), 'latin1')),
  ),
  bearer('a payload in UTF-16', texts(headText, Buffer.from(claimText, 'utf16le'))),
];

/** The same bytes with other unused bits in the last character; the same text where none are unused. */
function otherWriting(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const bytes = Buffer.from(part, 'base64url');
  const written = Array.from(alphabet, (last) => part.slice(0, -1) + last);
  return (
    written.find((other) => other !== part && bytes.equals(Buffer.from(other, 'base64url'))) ?? `${part}=`
  );
}

const formCases = (): Case[] => {
  const good = token();
  const [head = '', payload = '', sig = ''] = good.split('.');
  const [first, second, third] = [0, 1, 2] as const;
  const everyPart = (name: string, change: (part: string) => string): Case[] =>
    [first, second, third].map((index) => bearer(`part ${index} ${name}`, withPart(good, index, change)));
  return [
    ...everyPart('empty', () => ''),
    ...everyPart('with padding', (part) => `${part}=`),
    ...everyPart('with a plus', (part) => `${part.slice(0, -1)}+`),
    ...everyPart('with a slash', (part) => `${part.slice(0, -1)}/`),
    ...everyPart('with a percent sign', (part) => `${part}%3D`),
    ...everyPart('one character shorter', (part) => part.slice(0, -1)),
    ...everyPart('one character longer', (part) => `${part}A`),
    ...everyPart('four characters longer', (part) => `${part}AAAA`),
    ...everyPart(
      'with other bits at its end',
      (part) => `${part.slice(0, -1)}${part.endsWith('B') ? 'C' : 'B'}`,
    ),
    bearer('a signature written in another way', withPart(good, 2, otherWriting)),
    ...['x', 'xx'].map((jti) => {
      const data = `${head}.${otherWriting(base64url(JSON.stringify({ ...claims, jti: jti.repeat(2) })))}`;
      const made = `${data}.${base64url(signature('RS256', data, keys.rsa))}`;
      return bearer(`a payload written in another way, and signed so, ${jti}`, made);
    }),
    bearer('one part', head),
    bearer('two parts', `${head}.${payload}`),
    bearer('four parts', `${good}.${sig}`),
    bearer('five parts', `${good}.AAAA.AAAA`),
    bearer('a dot before', `.${good}`),
    bearer('a dot after', `${good}.`),
    bearer('two dots', `${head}..${payload}.${sig}`),
    bearer('quotes around', `"${good}"`),
    bearer('a comma after', `${good},`),
    bearer('two of them', `${good}, Bearer ${good}`),
    bearer('two of them with a space', `${good} ${good}`),
    bearer('the parts in another order', `${payload}.${head}.${sig}`),
    ['a space too many', `Bearer  ${good}`],
    ['another scheme', `JWT ${good}`],
    ['no scheme', good],
    ['DPoP', `DPoP ${good}`],
    ['Basic', `Basic ${base64url(`x:${good}`)}`],
    ['two headers', `Bearer ${good}`, `Bearer ${good}`],
    ['a header besides', `Bearer ${good}`, 'Bearer x'],
    bearer('our prefix', `rkms_${good}`),
  ];
};

const signatureCases = (): Case[] => {
  const made = ecToken();
  const data = made.slice(0, made.lastIndexOf('.'));
  const [r, s] = [
    signature('ES256', data, keys.ec).subarray(0, 32),
    signature('ES256', data, keys.ec).subarray(32),
  ];
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const zero = Buffer.alloc(32);
  const one = Buffer.concat([Buffer.alloc(31), Buffer.of(1)]);
  const ecSigned = (name: string, ...parts: readonly Buffer[]): Case =>
    bearer(`an ECDSA signature ${name}`, `${data}.${base64url(Buffer.concat(parts))}`);
  const rsaSigned = (name: string, bytes: Buffer): Case =>
    bearer(
      `an RSA signature ${name}`,
      withPart(token(), 2, () => base64url(bytes)),
    );
  return [
    ecSigned('of nothing', zero, zero),
    ecSigned('with r = 0', zero, s),
    ecSigned('with s = 0', r, zero),
    ecSigned('of ones', one, one),
    ecSigned('with r = n', order, s),
    ecSigned('with s = n', r, order),
    ecSigned('with both n', order, order),
    ecSigned('of r alone', r),
    ecSigned('swapped', s, r),
    ecSigned('with a byte more', Buffer.of(0), r, s),
    ecSigned('as long as for P-384', r, s, zero),
    ecSigned('in DER', Buffer.of(0x30, 0x44, 0x02, 0x20), r, Buffer.of(0x02, 0x20), s),
    ecSigned('of DER zeros', Buffer.from('3006020100020100', 'hex')),
    rsaSigned('of zeros', Buffer.alloc(256)),
    rsaSigned('of ones', Buffer.alloc(256, 0xff)),
    rsaSigned('of one', Buffer.concat([Buffer.alloc(255), Buffer.of(1)])),
    rsaSigned('that is too short', Buffer.alloc(255, 1)),
    rsaSigned('that is too long', Buffer.alloc(512, 1)),
    bearer('the signature of another key', signed(header, claims, 'RS256', keys.otherRsa)),
    bearer('the signature of another EC key', signed(ecHeader, claims, 'ES256', keys.otherEc)),
    bearer(
      'the signature of another token',
      withPart(token(), 2, () => token({}, { jti: 'x' }).split('.')[2] ?? ''),
    ),
    bearer(
      'another payload under a signature',
      withPart(token(), 1, () => base64url(JSON.stringify({ ...claims, x: 1 }))),
    ),
    bearer(
      'another header under a signature',
      withPart(token(), 0, () => base64url(JSON.stringify({ ...header, x: 1 }))),
    ),
    bearer(
      'spaces in a signed header',
      withPart(token(), 0, () => base64url(headText.replace('{', '{ '))),
    ),
    bearer(
      'a key of one issuer for another',
      signed({ alg: 'EdDSA', typ: 'JWT' }, { ...claims, iss: edIss, sub: 'ed' }, 'RS256', keys.rsa),
    ),
  ];
};

const kubernetesCases = (): Case[] => [
  ...each(
    [
      'prod:billing',
      'system:serviceaccount:prod:other',
      'system:serviceaccount:other:billing',
      'system:serviceaccount:prod',
      'system:serviceaccount:prod:billing:x',
      'system:node:billing',
      'billing',
      '',
    ],
    'the service account',
    (sub) => kubeToken({ sub }),
  ),
  ...each(
    [
      undefined,
      null,
      {},
      [],
      'prod',
      { namespace: 'prod' },
      { ...account, namespace: 'other' },
      { ...account, namespace: 5 },
      { ...account, serviceaccount: { name: 'other', uid: 'u-7' } },
      { ...account, serviceaccount: { name: 'billing' } },
      { ...account, serviceaccount: ['billing'] },
    ],
    'the claim of Kubernetes',
    (value) => kubeToken({ 'kubernetes.io': value }),
  ),
  bearer(
    'the service account that was made again under its name',
    kubeToken({
      sub: 'system:serviceaccount:prod:pinned',
      'kubernetes.io': { ...account, serviceaccount: { name: 'pinned', uid: 'u-2' } },
    }),
  ),
  bearer('a service account for another audience', kubeToken({ aud: ['https://kubernetes.default.svc'] })),
  bearer('a service account of another type', kubeToken({}, { ...header, typ: 'JWS' })),
  bearer(
    'a service account at an issuer that has none',
    signed(header, { ...kubeClaims, iss }, 'RS256', keys.rsa),
  ),
  bearer(
    'a subject at an issuer of service accounts',
    kubeToken({ sub: 'billing', 'kubernetes.io': undefined }),
  ),
];

const tables: readonly [string, () => Case[]][] = [
  ['algorithms', algorithmCases],
  ['headers', headerCases],
  ['claims', claimCases],
  ['JSON', jsonCases],
  ['form', formCases],
  ['signatures', signatureCases],
  ['service accounts', kubernetesCases],
];
const total = tables.flatMap(([, cases]) => cases()).length;

describe('a token that is not accepted', () => {
  afterEach(() => {
    expect(app.touched).toEqual(before);
  });
  let before: ServedApp['touched'];
  beforeAll(() => {
    const { vaults, store, audited } = app.touched;
    before = { vaults, store: [...store], audited };
  });
  const refusal = {
    type: 'urn:rkms:problem:authentication.failed',
    title: 'Missing or invalid credentials',
    status: 401,
    detail: 'Send either a valid token, "Authorization: Bearer ...", or a client certificate, not both.',
    requestId: 'r',
  };

  it('is a table of at least 150 cases', () => {
    expect(total).toBeGreaterThanOrEqual(150);
  });

  describe.each(tables)('%s', (_, cases) => {
    it.each(cases().map((each) => [...each] as [string, ...string[]]))(
      '%s',
      async (_name, ...authorization) => {
        const headers = { Authorization: [...authorization], 'x-request-id': 'r' };
        const answer = await app.ask({ target: '/key?id=a', headers });
        expect([answer.status, answer.headers['www-authenticate'], JSON.parse(answer.body)]).toEqual([
          401,
          'Bearer',
          refusal,
        ]);
      },
    );
  });

  it.each<[string, () => string]>([
    ['malformed', () => `${token()}.x`],
    ['issuer', () => token({}, { iss: 'https://other.example' })],
    ['algorithm', () => token({ alg: 'none' })],
    ['type', () => token({ typ: 'logout+jwt' })],
    ['key', () => token({ kid: 'unknown' })],
    ['key', () => signed({ ...header, kid: 'small' }, claims, 'RS256', keys.smallRsa)],
    ['signature', () => signed(header, claims, 'RS256', keys.otherRsa)],
    ['signature', () => signed(header, { ...claims, exp: 1, aud: 'other' }, 'RS256', keys.otherRsa)],
    ['audience', () => token({}, { aud: 'other' })],
    ['audience', () => signed(header, without(claims, 'aud'), 'RS256', keys.rsa)],
    ['audience', () => token({}, { aud: ['rkms', 5] })],
    ['expired', () => token({}, { exp: nowS - 31 })],
    ['lifetime', () => token({}, { exp: nowS + 86_400 })],
    ['lifetime', () => token({}, { nbf: nowS + 31 })],
    ['lifetime', () => token({}, { iat: nowS + 31 })],
    ['lifetime', () => signed(header, without(claims, 'exp'), 'RS256', keys.rsa)],
    ['subject', () => token({}, { sub: 'somebody' })],
    ['subject', () => signed(header, without(claims, 'sub'), 'RS256', keys.rsa)],
    ['subject', () => kubeToken({ sub: 'system:serviceaccount:prod:other' })],
  ])('is logged with the reason %s and nothing of the token', async (reason, made) => {
    const before = app.lines.length;
    const authorization = `Bearer ${made()}`;
    await app.ask({ target: '/key?id=a', headers: { Authorization: authorization } });
    const [line] = app.lines.slice(before);
    expect(line).toMatchObject({ status: 401, failure: { kind: 'authentication.failed', reason } });
    expect(Object.keys(line?.failure ?? {}).sort()).toEqual(['kind', 'reason']);
  });

  it('is not parsed if it is very long', () => {
    const long = token({}, { x: 'x'.repeat(maxJwtLength) });
    expect([unverifiedJwt(`Bearer ${long}`), unverifiedJwt(`Bearer ${token()}`)]).toMatchObject([
      undefined,
      { issuer: iss, kid: 'rsa' },
    ]);
  });

  it('reaches neither store nor KMS, not even the first time', async () => {
    const fresh = await ServedApp.start({
      authenticator: () => new JwtAuthenticator(issuers, subjects, clock),
    });
    await fresh.ask({ target: '/key?id=a', headers: { authorization: `Bearer ${token({ alg: 'none' })}` } });
    expect(fresh.touched).toEqual(nothingTouched);
    await fresh.stop();
  });
});
