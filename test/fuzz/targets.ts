// Every parser of RKMS that meets bytes from outside, what it may be given, and what must hold: it throws only what it
// declares, and what it accepts is written again as the same.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ChainCheck } from '../../src/adapters/audit-file/chain-check.js';
import { beginning, nextLine, readLine } from '../../src/adapters/audit-file/audit-chain.js';
import { fieldsOf, genesisOf, itemOf, type Item } from '../../src/adapters/dynamodb/items.js';
import { parseKeyJson } from '../../src/adapters/http/keys/key-json.js';
import { parseKeyQuery } from '../../src/adapters/http/keys/key-query.js';
import { unverifiedJwt } from '../../src/adapters/jwt/unverified-jwt.js';
import { LocalKmsKeyVault } from '../../src/adapters/local-kms/local-kms-key-vault.js';
import { fieldsOfRow, rowOf } from '../../src/adapters/sqlite/rows.js';
import { makeBearerToken, parseAuthorization } from '../../src/adapters/tokens/bearer-token.js';
import { readTokens, textOf } from '../../src/adapters/tokens/token-entries.js';
import { encryptionContext } from '../../src/domain/keys/encryption-context.js';
import { parseIdPattern } from '../../src/domain/access/id-pattern.js';
import { firstVersion, parseKeyId } from '../../src/domain/ids.js';
import { newKeyRecord } from '../../src/domain/keys/key-record.js';
import { decodeRecord, encodeRecord, type UntrustedFields } from '../../src/domain/keys/record-format.js';
import { OperatorError } from '../../src/adapters/system/operator-error.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/infrastructure/cli/scan/checkpoint.js';
import { parseConfig, showConfigProblems } from '../../src/infrastructure/config/config.js';
import { idPattern } from '../support/callers.js';
import { spelledKeyIds } from '../support/key-ids.js';
import { callerId, deployment, keyId, region } from '../support/names.js';
import { randomKey } from '../support/sample-keys.js';
import { bytes, same, target, texts, type FuzzTarget } from './fuzz.js';
import { messageTargets } from './message-targets.js';
import { parseTarget } from '../../src/adapters/http/server/request-target.js';

const query = target(
  'query',
  texts(
    spelledKeyIds.map(({ spelled }) => `id=${spelled}`),
    ['id=', '&', '=', '%', '%2', '%41', '%00', '%ff', '%c0%af', '+', '?', '#', 'a', '/', ';', '%25'],
  ),
  (text) => {
    parseKeyQuery(text).map((id) => {
      same(parseKeyQuery(`id=${encodeURIComponent(id)}`)._unsafeUnwrap(), id);
      same(text.split('&').length, 1);
    });
  },
);

const requestTarget = target(
  'request target',
  texts(
    spelledKeyIds.map(({ spelled }) => `/key?id=${spelled}`),
    ['/', '//', '/key', '?', '#', 'http://a', '*', '%2f', '..', '\\', ' ', '\0', '\r\n'],
  ),
  (text) => {
    parseTarget(text).map(({ path, query: rest }) => {
      same(rest === undefined ? path : `${path}?${rest}`, text);
    });
  },
);

const jsonBody = target(
  'JSON body',
  bytes(
    spelledKeyIds.map(({ id }) => Buffer.from(JSON.stringify({ id }))),
    [
      '{',
      '}',
      '"id"',
      ':',
      '"',
      '\\',
      '\\u0061',
      '\\ud800',
      ',',
      ' ',
      '[',
      ']',
      'null',
      '__proto__',
      '\xff',
      '\0',
    ],
  ),
  (body) => {
    parseKeyJson(body).map((id) => {
      same(JSON.parse(body.toString()), { id });
      same(parseKeyJson(Buffer.from(JSON.stringify({ id })))._unsafeUnwrap(), id);
    });
  },
);

const tokens = Array.from({ length: 20 }, () => makeBearerToken().text);
const authorization = target(
  'Authorization header',
  texts(
    fc.constantFrom(...tokens).map((text) => `Bearer ${text}`),
    ['Bearer', 'bearer ', ' ', 'rkms_', '_', '-', 'A', '0', '\t', ',', 'Basic ', '\0', '='],
  ),
  (header) => {
    const found = parseAuthorization(header);
    // The checksum lets through none but the tokens themselves, whatever the case of the scheme.
    if (found)
      same(
        tokens.some((text) => header.toLowerCase() === `bearer ${text}`.toLowerCase()),
        true,
      );
  },
);

const part = (text: string): string => Buffer.from(text).toString('base64url');
const members = texts(
  fc.constantFrom('{"alg":"ES256","kid":"k","typ":"JWT"}', '{"iss":"https://a","aud":"b","exp":1}', '{}'),
  [
    ...[
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '"alg"',
      '"iss"',
      '"crit"',
      '"jwk"',
      'null',
      '1',
      '\\u0061',
      '\u{ff}',
    ],
  ],
);

const jwt = target(
  'JWT before its verification',
  fc
    .oneof(
      fc.tuple(members, members, texts(fc.constant('c2ln'), ['=', '.', '-', '_', '+', '/', 'A'])),
      fc.tuple(members, members, fc.constant('c2ln')),
    )
    .map(([head, payload, signature]) => `Bearer ${part(head)}.${part(payload)}.${signature}`),
  (header) => {
    const found = unverifiedJwt(header);
    if (found === undefined) return;
    same(header, `Bearer ${found.text}`);
    const [head = '', payload = ''] = found.text
      .split('.')
      .map((text) => Buffer.from(text, 'base64url').toString());
    const { alg, ...others } = JSON.parse(head) as Readonly<Record<string, unknown>>;
    same(alg, found.alg);
    same((JSON.parse(payload) as { readonly iss: unknown }).iss, found.issuer);
    const bringsMore = ['crit', 'b64', 'enc', 'zip', 'jwk', 'jku', 'x5c', 'x5u'].filter(
      (name) => name in others,
    );
    same(bringsMore, []);
  },
);

const ids = target(
  'id',
  texts(
    spelledKeyIds.map(({ id }) => id),
    ['.', '/', '%', ' ', '\n', '\u00e9', '\u0000', 'a', '+'],
  ),
  (text) => {
    parseKeyId(text).map((id) => {
      same(/^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,254}$/.test(id), true);
    });
  },
);

const patterns = target(
  'id pattern',
  texts(fc.constantFrom('**', 'billing/*', 'a/**', 'a/*/b'), [
    '*',
    '**',
    '/',
    '//',
    'a',
    '.',
    '?',
    '[',
    '\\',
    ' ',
  ]),
  (text) => {
    parseIdPattern(text).map((pattern) => {
      same(parseIdPattern(pattern.text)._unsafeUnwrap(), pattern);
    });
  },
);

const config = target(
  'configuration',
  texts(
    fc.constantFrom(
      'deployment = "d"\n[[regions]]\nname = "a"\nvault = "local-kms"\n[store]\nkind = "sqlite"\n',
      'deployment = "d"\n[[regions]]\nname = "a"\nvault = "aws-kms"\nkms_key = "k"\nendpoint = "https://a"\n' +
        '[store]\nkind = "dynamodb"\ntable = "t"\nregion = "a"\n[server]\nport = 1\n[security]\nallow_environment = ["NODE_DEBUG"]\n',
    ),
    [
      '[',
      ']',
      '[[',
      '"',
      "'''",
      '=',
      '\n',
      '#',
      '.',
      '{',
      '}',
      'server',
      '__proto__',
      '1e9',
      '1979-01-01',
      '0x',
      '\\u0000',
      '\r',
    ],
  ),
  (toml) => {
    parseConfig(toml).match(
      (checked) => {
        same(parseConfig(toml)._unsafeUnwrap(), checked);
      },
      (invalid) => {
        same(showConfigProblems(invalid) !== '', true);
      },
    );
  },
);

const record = newKeyRecord(
  {
    id: keyId('orders/7'),
    version: firstVersion,
    commitment: randomKey().commitmentFor(keyId('orders/7'), firstVersion),
    createdAtMs: 1,
  },
  ['a', 'b', 'c'].map((name) => ({ region: region(name), kmsKey: `k:${name}`, bytes: randomBytes(60) })),
);
const fields = encodeRecord(record);

/** A record's fields, some of them replaced by anything. */
const changedFields = fc
  .tuple(
    fc.constantFrom(...Object.keys(fields)),
    fc.anything({ withTypedArray: true, withBigInt: true, maxDepth: 3 }),
  )
  .map(([name, value]): UntrustedFields => ({ ...fields, [name]: value }));
const changedCiphertexts = fc
  .array(
    fc.record({ region: fc.anything(), kmsKey: fc.anything(), bytes: fc.anything({ withTypedArray: true }) }),
  )
  .map((ciphertexts): UntrustedFields => ({ ...fields, ciphertexts }));

const accepted = (untrusted: UntrustedFields): void => {
  decodeRecord(untrusted).map((read) => {
    same(decodeRecord(encodeRecord(read))._unsafeUnwrap(), read);
  });
};
const recordCodec = target(
  'record codec',
  fc.oneof(fc.constant<UntrustedFields>(fields), changedFields, changedCiphertexts, fc.object()),
  accepted,
);

const rows = target(
  'SQLite row',
  fc.oneof(
    texts(fc.constant(rowOf(fields).ciphertexts), [
      '[',
      ']',
      '{',
      '}',
      '"bytes":',
      '"',
      ',',
      '\\',
      'null',
      '1',
    ]).map((ciphertexts) => ({ ...rowOf(fields), ciphertexts })),
    fc
      .tuple(
        fc.constantFrom(...Object.keys(fields)),
        fc.oneof(fc.bigInt(), fc.string(), fc.double(), fc.uint8Array()),
      )
      .map(([name, value]) => ({ ...rowOf(fields), [name]: value })),
  ),
  (row) => {
    fieldsOfRow({ ...row }).map(accepted);
  },
);

const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ S: fc.string() }),
    fc.record({ N: fc.oneof(fc.string(), fc.double().map(String), fc.bigInt().map(String)) }),
    fc.record({ B: fc.uint8Array() }),
    fc.record({
      M: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('a', 'kmsKey', 'bytes')), tie('value')),
    }),
    fc.constantFrom({ NULL: true }, { BOOL: false }, { L: [] }, {}),
  ),
})).value;
const items = target(
  'DynamoDB item',
  fc.oneof(
    fc.constant(itemOf(fields)),
    fc
      .tuple(fc.constantFrom(...Object.keys(fields), 'deployment'), values)
      .map(([name, value]) => ({ ...itemOf(fields), [name]: value }) as Item),
    fc.dictionary(fc.constantFrom(...Object.keys(fields), 'x'), values).map((item) => item as Item),
  ),
  (item) => {
    accepted(fieldsOf(item));
    genesisOf(item).map(({ createdAtMs }) => {
      same(typeof createdAtMs, 'number');
    });
  },
);

const vault = new LocalKmsKeyVault(region('a'), randomBytes(32));
const secret = randomKey();
const context = encryptionContext(
  { deployment: deployment('d'), id: record.id, version: firstVersion },
  record.commitment,
);
const open = (
  vault as unknown as { open: (bytes: Buffer, within: typeof context) => { isOk(): boolean } }
).open.bind(vault);
const seal = (vault as unknown as { seal: (key: typeof secret, within: typeof context) => Buffer }).seal.bind(
  vault,
);
const sealed = Array.from({ length: 10 }, () => seal(secret, context));
const ciphertexts = target(
  'ciphertext of local-kms',
  bytes(fc.constantFrom(...sealed), ['\0', '\x01', '\xff', 'A']),
  (ciphertext) => {
    // Only what was sealed opens: one changed bit is too much.
    same(
      open(Buffer.from(ciphertext), context).isOk(),
      sealed.some((each) => each.equals(ciphertext)),
    );
  },
);

const lines = [
  nextLine(beginning, { action: 'key.get', id: 'a' }),
  nextLine({ seq: 7, hash: 'a'.repeat(64) }, { x: 1 }),
];
const auditLine = target(
  'audit line',
  bytes(
    fc.constantFrom(...lines).map(({ text }) => Buffer.from(text.trimEnd())),
    ['{', '}', '"seq":', '"prev":', ',"hash":"', '"', ',', '0', 'a', '\\', '\xff', '\0'],
  ),
  (bytesOfLine) => {
    const line = readLine(bytesOfLine);
    const check = new ChainCheck(() => undefined);
    check.take(bytesOfLine);
    if ('fault' in line) return;
    same(
      lines.some(({ text }) => text.trimEnd() === bytesOfLine.toString()),
      true,
    );
  },
);

/** A target whose parser reads a file: `check` gets its path, and writes and reads it as it likes. */
function fileTarget(name: string, inputs: fc.Arbitrary<string>, check: (path: string) => void): FuzzTarget {
  const run = (timeMs: number): number => {
    const folder = mkdtempSync(join(tmpdir(), 'rkms-fuzz-'));
    const path = join(folder, 'file');
    try {
      return target(name, inputs, (text) => {
        writeFileSync(path, text, { mode: 0o600 });
        try {
          check(path);
        } catch (cause) {
          if (!(cause instanceof OperatorError)) throw cause;
        }
      }).run(timeMs);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  return { name, run };
}

const entry = { caller: callerId('app'), permissions: new Set(['read'] as const), ids: [idPattern('**')] };
const storedToken = { ...makeBearerToken(), ...entry, notBeforeMs: 0, expiresMs: 1 };
const tokenFile = fileTarget(
  'token file',
  texts(fc.constant(textOf([storedToken])), [
    ...['{', '}', '[', ']', '"', ',', ':', '"allow"', '"read"', 'null', '1', '\\', '2030-01-01T00:00:00Z'],
  ]),
  (path) => {
    const read = readTokens(path);
    writeFileSync(path, textOf(read));
    same(readTokens(path), read);
  },
);

const scan = {
  command: 'verify',
  store: 'sqlite a',
  deployment: 'd',
  createdAtMs: 1,
  regions: ['a'],
  choices: '',
};
const checkpointFile = fileTarget(
  'checkpoint file',
  texts(
    fc.constant(
      JSON.stringify({
        identity: scan,
        position: { after: 'x', visited: ['y'], done: 1 },
        tally: {
          checked: 1,
          outcomes: { changed: 1 },
          problems: { lost: { count: 1, first: ['y'] } },
          regions: { a: { good: 1 } },
        },
      }),
    ),
    [...['{', '}', '[', ']', '"', ',', ':', '"after"', '"tally"', 'null', '1', '\\', '__proto__']],
  ),
  (path) => {
    const read = loadCheckpoint(path, scan);
    if (read === undefined) return;
    saveCheckpoint(path, scan, read);
    same(loadCheckpoint(path, scan), read);
  },
);

export const fuzzTargets: readonly FuzzTarget[] = [
  query,
  requestTarget,
  jsonBody,
  authorization,
  jwt,
  ids,
  patterns,
  config,
  recordCodec,
  rows,
  items,
  ciphertexts,
  auditLine,
  tokenFile,
  checkpointFile,
  ...messageTargets,
];
