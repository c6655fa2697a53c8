// What others say to RKMS besides requests and files of its own: answers of KMS, keys of an issuer, names in certificates,
// items of the Go original, ids of requests, variables of the environment.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { cutOutPlaintext } from '../../src/adapters/aws/kms-messages.js';
import { entryOf } from '../../src/adapters/go-rkms/source-items.js';
import { namesIn } from '../../src/adapters/http/tls/certificate-names.js';
import { requestIdOf } from '../../src/adapters/http/server/request-scope.js';
import { keyFor, parseKeySet } from '../../src/adapters/jwt/key-set.js';
import { maxCiphertextBytes } from '../../src/domain/keys/regional-ciphertext.js';
import { parseConfig, showConfigProblems } from '../../src/infrastructure/config/config.js';
import { bytes, same, target, texts, type FuzzTarget } from './fuzz.js';

const plaintext = randomBytes(32).toString('base64');
const opening = '"Plaintext":"';
const kmsAnswers = target(
  'answer of KMS',
  bytes(fc.constant(Buffer.from(`{"KeyId":"arn:aws:kms:a:1:key/b",${opening}${plaintext}"}`)), [
    ...['{', '}', opening, '"', '":"', '=', '==', 'A', '\\', '\\"', plaintext, '\xff', '\0'],
  ]),
  (body) => {
    const before = body.toString('latin1');
    const found = cutOutPlaintext(body);
    const after = body.toString('latin1');
    if (found === undefined) {
      same(after, before);
      return;
    }
    const from = before.indexOf(opening) + opening.length;
    const to = before.indexOf('"', from);
    const text = before.slice(from, to);
    same(Buffer.from(found), Buffer.from(text, 'base64'));
    same(after, before.slice(0, from) + text.replace(/[^=]/g, 'A') + before.slice(to));
  },
);

const published = { kty: 'EC', crv: 'P-256', kid: 'k', x: 'a', y: 'b', use: 'sig', alg: 'ES256' };
const keySets = target(
  'keys of an issuer',
  texts(fc.constant(JSON.stringify({ keys: [published, { ...published, kid: 'l' }] })), [
    ...['{', '}', '[', ']', '"', ',', ':', '"keys"', '"kid"', '"d":"x",', '"k":1,', '"oct"', '"RSA"'],
    ...['null', '1', '\\u0064', '__proto__', '"kty":"EC",'],
  ]),
  (text) => {
    const keys = parseKeySet(text);
    if (keys === undefined) return;
    // No key with a secret is used, and a key is found only if no other one fits.
    same(
      keys.some((key) => 'd' in key || 'k' in key),
      false,
    );
    const found = keyFor(keys, { alg: 'ES256', kid: 'k' });
    if (found === undefined) return;
    const named = keys.filter((key) => key.kid === 'k' && key.crv === 'P-256' && key.x === found.x);
    same([found.kty, found.crv, found.kid, named.length > 0], ['EC', 'P-256', 'k', true]);
  },
);

const certificateNames = target(
  'names in a certificate',
  texts(fc.constantFrom('DNS:billing.internal, URI:spiffe://prod/billing', 'DNS:a, IP Address:10.0.0.1'), [
    ...['DNS:', 'URI:', 'email:', 'othername:', ', ', ',', '"', '\\"', '\\', ':', '\0', '\n', 'a'],
  ]),
  (subjectAltName) => {
    const names = namesIn({ subjectAltName });
    // No name comes from within another, and what is quoted is nobody's.
    for (const name of names) {
      same(/^(uri|dns):[^",]*$/.test(name), true);
      same(subjectAltName.toLowerCase().includes(name.toLowerCase()), true);
    }
  },
);

const original = {
  id: { S: 'orders/7' },
  keys: { M: { 'eu-west-1': { S: randomBytes(90).toString('base64') } } },
};
const values = fc.oneof(
  fc.record({ S: fc.oneof(fc.string(), fc.base64String()) }),
  fc.record({ B: fc.uint8Array() }),
  fc.record({
    M: fc.dictionary(
      fc.constantFrom('eu-west-1', 'us-east-1', '__proto__', ''),
      fc.oneof(
        fc.record({ S: fc.base64String() }),
        fc.record({ B: fc.uint8Array() }),
        fc.constant({ NULL: true }),
      ),
    ),
  }),
  fc.record({ L: fc.array(fc.constantFrom(original.keys, original.id, { NULL: true })) }),
  fc.constant({}),
);
const sourceItems = target(
  'item of the Go original',
  fc.oneof(
    fc.constant(original),
    fc.tuple(fc.constantFrom('id', 'keys'), values).map(([name, value]) => ({ ...original, [name]: value })),
    fc.dictionary(fc.constantFrom('id', 'keys', 'x'), values),
  ),
  (item) => {
    const { copies } = entryOf(item as Parameters<typeof entryOf>[0]);
    copies.map((byRegion) => {
      same(byRegion.size > 0, true);
      for (const copy of byRegion.values()) same(copy.length > 0 && copy.length <= maxCiphertextBytes, true);
    });
  },
);

const requestIds = target(
  'id of a request',
  texts(fc.uuid(), ['-', '.', '_', '\r\n', '"', '{', ' ', '\0', '\u{e9}', 'a'.repeat(40)]),
  (header) => {
    const id = requestIdOf(header);
    same(/^[A-Za-z0-9._-]{1,64}$/.test(id), true);
  },
);

const toml = 'deployment = "d"\n[[regions]]\nname = "a"\nvault = "local-kms"\n[store]\nkind = "sqlite"\n';
const variables = target(
  'variables of the environment',
  fc.dictionary(
    fc.constantFrom(
      ...['RKMS_SERVER_PORT', 'RKMS_SERVER_HOST', 'RKMS_DEPLOYMENT', 'RKMS_STORE_KIND', 'RKMS_KEYS_QUORUM'],
      ...[
        'RKMS_AUDIT_FLUSH',
        'RKMS_REGIONS',
        'RKMS_STORE_ENDPOINT',
        'RKMS___PROTO__',
        'RKMS_KMS_MAX_SOCKETS',
      ],
    ),
    texts(fc.constantFrom('8080', '127.0.0.1', 'sqlite', '2'), [
      ...['0', '1', '.', '-', 'e9', '0x', ' ', '\0', '__proto__', '{', 'NaN', 'Infinity', '9'.repeat(30)],
    ]),
  ),
  (environment) => {
    parseConfig(toml, environment).match(
      ({ server, store }) => {
        same(Number.isInteger(server.port) && server.port >= 0 && server.port <= 65_535, true);
        same('endpoint' in store, false);
      },
      (invalid) => {
        same(showConfigProblems(invalid) !== '', true);
      },
    );
  },
);

export const messageTargets: readonly FuzzTarget[] = [
  kmsAnswers,
  keySets,
  certificateNames,
  sourceItems,
  requestIds,
  variables,
];
