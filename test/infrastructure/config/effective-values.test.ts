// What a configuration says in the end: every value with where it came from, nothing that looks like a secret, and a file
// made of all of them says the same again.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'smol-toml';
import { parseConfig } from '../../../src/infrastructure/config/config.js';
import {
  effectiveTable,
  effectiveValues,
  type EffectiveValue,
} from '../../../src/infrastructure/config/effective-values.js';
import type { Environment } from '../../../src/infrastructure/config/environment.js';
import { declaredSections } from '../../../src/infrastructure/config/options.js';
import { maskSecrets } from '../../../src/infrastructure/config/schema/mask-secrets.js';

const everything = `deployment = "all"
data_dir = "/srv"
[server]
host = "0.0.0.0"
[tls]
cert_file = "c"
key_file = "k"
client_ca_file = "a"
[[regions]]
name = "us-east-1"
vault = "aws-kms"
kms_key = "alias/rkms"
[[regions]]
name = "eu-west-1"
vault = "local-kms"
[store]
kind = "dynamodb"
table = "t"
mode = "home"
home = "b"
[[store.regions]]
name = "a"
endpoint = "http://127.0.0.1:1"
[[store.regions]]
name = "b"
[creation]
burst = 7
[[callers]]
name = "billing"
allow = ["read"]
ids = ["billing/**"]
creation = { per_day = 5 }
certificates = ["dns:billing"]
subjects = [{ issuer = "https://i", subject = "s" }]
[[issuers]]
issuer = "https://i"
audience = "rkms"
algorithms = ["RS256"]
jwks_uri = "https://i/jwks"
`;
const files = {
  'the embedded default': readFileSync('config/rkms.toml', 'utf8'),
  'the one for AWS': readFileSync('config/aws.toml', 'utf8'),
  'one with all tables': everything,
};

const valuesOf = (toml: string, environment: Environment = {}): ReadonlyMap<string, EffectiveValue> => {
  const config = parseConfig(toml, environment)._unsafeUnwrap();
  return new Map(effectiveValues(config, toml, environment).map((value) => [value.option, value]));
};

describe('the values that hold', () => {
  it('come from the file with its line, from a variable, or from a default', () => {
    const values = valuesOf(everything, { RKMS_SERVER_PORT: '9', RKMS_DATA_DIR: '/var' });
    const picked = [
      ...['data_dir', 'server.host', 'server.port', 'server.tls', 'tls.revoked_file', 'regions[1].vault'],
      ...['regions[0].endpoint', 'store.mode', 'store.home', 'store.region', 'store.regions[0].endpoint'],
      ...[
        'keys.quorum',
        'creation.burst',
        'creation.per_day',
        'callers[0].ids',
        'callers[0].creation.per_day',
      ],
      ...['callers[0].subjects[0].subject', 'issuers[0].kubernetes', 'audit.file'],
    ];
    expect(picked.map((option) => values.get(option))).toEqual([
      { option: 'data_dir', value: '/var', from: 'environment', variable: 'RKMS_DATA_DIR' },
      { option: 'server.host', value: '0.0.0.0', from: 'file', line: 4 },
      { option: 'server.port', value: 9, from: 'environment', variable: 'RKMS_SERVER_PORT' },
      { option: 'server.tls', value: 'on', from: 'default' },
      { option: 'tls.revoked_file', from: 'unset' },
      { option: 'regions[1].vault', value: 'local-kms', from: 'file', line: 15 },
      { option: 'regions[0].endpoint', from: 'unset', whenUnset: 'by the name' },
      { option: 'store.mode', value: 'home', from: 'file', line: 19 },
      { option: 'store.home', value: 'b', from: 'file', line: 20 },
      { option: 'store.region', from: 'unset' },
      { option: 'store.regions[0].endpoint', value: 'http://127.0.0.1:1', from: 'file', line: 23 },
      { option: 'keys.quorum', value: 1, from: 'default' },
      { option: 'creation.burst', value: 7, from: 'file', line: 27 },
      { option: 'creation.per_day', value: 100_000, from: 'default' },
      { option: 'callers[0].ids', value: ['billing/**'], from: 'file', line: 31 },
      { option: 'callers[0].creation.per_day', value: 5, from: 'file', line: 32 },
      { option: 'callers[0].subjects[0].subject', value: 's', from: 'file', line: 34 },
      { option: 'issuers[0].kubernetes', value: false, from: 'default' },
      { option: 'audit.file', value: '/var/audit.jsonl', from: 'default' },
    ]);
  });

  it.each(Object.entries(files))('are all of them, and no others: %s', (_, toml) => {
    const known = new Set(
      declaredSections.flatMap(({ path, options }) =>
        options.map(({ key }) => (path ? `${path}.${key}` : key)),
      ),
    );
    const general = [...valuesOf(toml).keys()].map((option) => option.replaceAll(/\[\d+\]/g, '[]'));
    expect(general.filter((option) => !known.has(option))).toEqual([]);
    // Tables that every configuration has.
    const always = [...known].filter((option) =>
      /^(deployment|data_dir|server|keys|failover|audit|log)\b/.test(option),
    );
    expect(always.filter((option) => !general.includes(option))).toEqual([]);
  });

  it.each(Object.entries(files))('written into a file say the same again: %s', (_, toml) => {
    const config = parseConfig(toml)._unsafeUnwrap();
    expect(parseConfig(stringify(effectiveTable(config)))._unsafeUnwrap()).toEqual(config);
  });

  it('show nothing that looks like a secret', () => {
    const token = 'rkms_AAAABBBBCCCC_0123456789012345678901234567890123456789abc_abcdef';
    const toml = everything.replace('audience = "rkms"', `audience = "${token}"`);
    expect(valuesOf(toml).get('issuers[0].audience')).toMatchObject({ value: '[redacted]' });
  });
});

describe('masking', () => {
  it.each([
    ['a token of ours', 'x rkms_AAAABBBBCCCC_01234567890123456789_abcdef y', 'x [redacted] y'],
    ['a JWT', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln', '[redacted]'],
    ['a password in a URL', 'https://user:secret@kms.example/x', 'https://user:[redacted]@kms.example/x'],
    ['the id of an AWS key', 'AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['an AWS key', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '[redacted]'],
    ['a private key', '-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----', '[redacted]'],
    ['half a private key', 'a -----BEGIN PRIVATE KEY-----\nabc', 'a [redacted]'],
  ])('takes out %s', (_, text, expected) => {
    expect(maskSecrets(text)).toBe(expected);
  });

  it.each([
    'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    'alias/rkms',
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
    'https://vpce-0123456789abcdef0-example.kms.us-west-2.vpce.amazonaws.com',
    'uri:spiffe://prod/billing',
    'rkms.example:8080/user@host',
    '0123456789012345678901234567890123456789',
  ])('leaves %s as it is', (text) => {
    expect(maskSecrets(text)).toBe(text);
  });
});
