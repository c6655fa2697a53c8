// Bearer tokens: their form, the token file, changes to it, and which tokens authenticate.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { makeBearerToken, parseAuthorization } from '../../../src/adapters/tokens/bearer-token.js';
import { TokenAuthenticator } from '../../../src/adapters/tokens/token-authenticator.js';
import { tokenState, type StoredToken } from '../../../src/adapters/tokens/stored-token.js';
import { addToken as add, revokeToken } from '../../../src/adapters/tokens/token-changes.js';
import { readTokens } from '../../../src/adapters/tokens/token-entries.js';
import { TokenFile } from '../../../src/adapters/tokens/token-file.js';
import type { Caller } from '../../../src/domain/access/caller.js';
import type { OperatorError } from '../../../src/adapters/system/operator-error.js';
import { Leftovers } from '../../support/leftovers.js';
import { ManualClock } from '../../support/manual-clock.js';
import { idPattern } from '../../support/callers.js';
import { callerId } from '../../support/names.js';
import { refusalOf } from '../../support/refusals.js';
import { StoreProcesses } from '../../support/store-processes.js';
import { until } from '../../support/until.js';
import { manyRuns } from '../../support/tiers.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const newPath = (): string => join(leftovers.folder(), 'tokens.json');
const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const patterns = ['billing/*'].map(idPattern);
const billing = {
  caller: callerId('billing'),
  permissions: new Set(['read'] as const),
  ids: patterns,
  notBeforeMs: 0,
};
const addToken = (path: string, token: StoredToken): void => {
  add(path, token, ManualClock.startMs);
};

describe('a new token', () => {
  test('has the form that secret scanners look for', () => {
    for (let count = 0; count < 200; count += 1) {
      expect(makeBearerToken().text).toMatch(/^rkms_[0-9A-Za-z]{12}_[A-Za-z0-9_-]{43}_[0-9A-Za-z]{6}$/);
    }
  });

  test('has a new id and a new secret each time', () => {
    const made = Array.from({ length: 1_000 }, () => makeBearerToken());
    expect(new Set(made.map(({ publicId }) => publicId)).size).toBe(1_000);
    expect(new Set(made.map(({ secretDigest }) => secretDigest.toString('hex'))).size).toBe(1_000);
  });

  test('is parsed to the id and the digest that were made with it', () => {
    for (let count = 0; count < 100; count += 1) {
      const { text, publicId, secretDigest } = makeBearerToken();
      expect(parseAuthorization(`Bearer ${text}`)).toEqual({ publicId, secretDigest });
    }
  });

  test('is stored only as the SHA-256 of its secret', () => {
    const { text, secretDigest } = makeBearerToken();
    const secret = text.slice('rkms_'.length + 13, -7);
    expect(secretDigest.toString('hex')).toBe(createHash('sha256').update(secret).digest('hex'));
  });

  test('ends with the CRC-32 of the rest, in base62', () => {
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const { text } = makeBearerToken();
    const value = Array.from(text.slice(-6)).reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
    expect(value).toBe(crc32(text.slice(0, -7)));
  });

  test('of the first release is still accepted', () => {
    const text = 'rkms_AAAABBBBCCCC_sssssssssssssssssssssssssssssssssssssssssss_2cNWk0';
    expect(parseAuthorization(`Bearer ${text}`)).toEqual({
      publicId: 'AAAABBBBCCCC',
      secretDigest: createHash('sha256').update('s'.repeat(43)).digest(),
    });
  });
});

describe('an Authorization header', () => {
  const { text } = makeBearerToken();
  const parsed = parseAuthorization(`Bearer ${text}`);

  test.each(['Bearer', 'bearer', 'BEARER'])('may use the scheme %s', (scheme) => {
    expect(parseAuthorization(`${scheme} ${text}`)).toEqual(parsed);
  });

  test.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['the scheme alone', 'Bearer'],
    ['the scheme and a space', 'Bearer '],
    ['another scheme', `Basic ${text}`],
    ['no scheme', text],
    ['two spaces', `Bearer  ${text}`],
    ['a tab', `Bearer\t${text}`],
    ['a space at the end', `Bearer ${text} `],
    ['a line break at the end', `Bearer ${text}\n`],
    ['something before', ` Bearer ${text}`],
    ['two tokens', `Bearer ${text} ${text}`],
    ['two headers that were joined', `Bearer ${text}, Bearer ${text}`],
    ['a truncated token', `Bearer ${text.slice(0, -1)}`],
    ['a lengthened token', `Bearer ${text}0`],
    ['a token in capitals', `Bearer ${text.toUpperCase()}`],
    ['a very long one', `Bearer ${'a'.repeat(100_000)}`],
  ])('with %s holds no token', (_, header) => {
    expect(parseAuthorization(header)).toBeUndefined();
  });

  test('with any one character changed holds no token, because the checksum differs', () => {
    const others = fc.constantFrom(...Array.from(alphanumeric), '_', '-', ' ', 'é');
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), others, (index, other) => {
        fc.pre(text[index] !== other);
        const changed = text.slice(0, index) + other + text.slice(index + 1);
        expect(parseAuthorization(`Bearer ${changed}`)).toBeUndefined();
      }),
      { numRuns: manyRuns(500) },
    );
  });

  test('with any text is parsed without an exception', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (random, withScheme) => {
        expect(parseAuthorization(withScheme ? `Bearer ${random}` : random)).toBeUndefined();
      }),
    );
  });
});

describe('the token file', () => {
  const stored = (more: Partial<StoredToken> = {}): StoredToken & { readonly header: string } => {
    const { text, publicId, secretDigest } = makeBearerToken();
    return { publicId, secretDigest, ...billing, header: `Bearer ${text}`, ...more };
  };
  const facts = (token: StoredToken & { readonly header?: string }): object => {
    const { header, ...known } = token;
    expect(header).toMatch(/^Bearer /);
    return known;
  };

  function opened(path: string): {
    readonly file: TokenFile;
    readonly clock: ManualClock;
    readonly problems: readonly string[];
  } {
    const clock = new ManualClock();
    const problems: string[] = [];
    const onProblem = ({ message }: OperatorError): void => {
      problems.push(message);
    };
    return { file: new TokenFile(path, clock, onProblem), clock, problems };
  }

  test('returns the tokens that were added, and no others', () => {
    const path = newPath();
    const [one, two] = [stored(), stored({ notBeforeMs: 1_000, expiresMs: 2_000 })];
    addToken(path, one);
    addToken(path, two);
    const { file } = opened(path);
    expect(file.find(one.publicId)).toEqual(facts(one));
    expect(file.find(two.publicId)).toEqual(facts(two));
    for (const unknown of ['AAAABBBBCCCC', '', 'constructor', '__proto__']) {
      expect(file.find(unknown)).toBeUndefined();
    }
  });

  test('has no secret, and only its owner can read it', () => {
    const path = newPath();
    const { text, publicId, secretDigest } = makeBearerToken();
    addToken(path, { publicId, secretDigest, ...billing });
    const secret = text.slice('rkms_'.length + 13, -7);
    const content = readFileSync(path, 'utf8');
    expect(content).toContain(publicId);
    for (const form of [
      secret,
      Buffer.from(secret, 'base64url').toString('hex'),
      Buffer.from(secret).toString('base64'),
    ]) {
      expect(content).not.toContain(form);
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('that is missing is refused, with a hint', () => {
    const path = newPath();
    expect(refusalOf(() => opened(path))).toEqual({
      message: `there is no token file ${path}; without a token RKMS answers no request`,
      hint: expect.stringContaining('rkms token create'),
    });
  });

  const entry = {
    id: 'AAAABBBBCCCC',
    secretSha256: 'a'.repeat(43),
    caller: 'billing',
    allow: ['read'],
    notBefore: '2030-01-01T00:00:00.000Z',
  };
  const without = (name: string): object =>
    Object.fromEntries(Object.entries(entry).filter(([field]) => field !== name));
  const fileWith = (...tokens: readonly unknown[]): unknown => ({ format: 1, tokens });

  test.each<[string, unknown]>([
    ['an unknown field', fileWith({ ...entry, onlyFrom: '10.0.0.0/8' })],
    ['an unknown field in the second entry', fileWith(entry, { ...entry, mode: 'x' })],
    ['an unknown field beside the tokens', { format: 1, tokens: [], rules: [] }],
    ['another format', { format: 2, tokens: [] }],
    ['no format', { tokens: [] }],
    ['no tokens', { format: 1 }],
    ['a list instead', [entry]],
    ['null', null],
    ['no id', fileWith(without('id'))],
    ['no digest', fileWith(without('secretSha256'))],
    ['no caller', fileWith(without('caller'))],
    ['no permissions', fileWith(without('allow'))],
    ['no start time', fileWith(without('notBefore'))],
    ['a short digest', fileWith({ ...entry, secretSha256: 'a'.repeat(42) })],
    ['a bad id', fileWith({ ...entry, id: 'AAAABBBBCCC' })],
    ['a bad caller', fileWith({ ...entry, caller: 'bil ling' })],
    ['an unknown permission', fileWith({ ...entry, allow: ['read', 'admin'] })],
    ['a date without a time as the end', fileWith({ ...entry, expires: '2030-01-01' })],
    ['a time without a zone', fileWith({ ...entry, expires: '2030-01-01T00:00:00' })],
    ['an impossible time', fileWith({ ...entry, expires: '2030-02-30T00:00:00Z' })],
    ['null as the end', fileWith({ ...entry, expires: null })],
    ['null as the patterns', fileWith({ ...entry, ids: null })],
    ['a bad pattern', fileWith({ ...entry, ids: ['billing/*', 'a/**/b'] })],
    ['a revocation that is not a time', fileWith({ ...entry, revoked: true })],
  ])('with %s is refused, and the error has its path', (_, content) => {
    const path = newPath();
    writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
    expect(refusalOf(() => opened(path))).toEqual({
      message: expect.stringContaining(path),
      hint: expect.stringContaining('rkms token create'),
    });
  });

  test.each(['', '{', 'not json', '{"format":1,"tokens":[]', '\u0000'])(
    'with the content %j instead of JSON is refused, and the error has its path',
    (content) => {
      const path = newPath();
      writeFileSync(path, content, { mode: 0o600 });
      expect(refusalOf(() => opened(path)).message).toContain(path);
    },
  );

  test('that other users may read is refused', () => {
    const path = newPath();
    addToken(path, stored());
    chmodSync(path, 0o644);
    expect(refusalOf(() => opened(path)).hint).toBe(`run: chmod 600 '${path}'`);
  });

  test('that is a link to itself is refused', () => {
    const path = newPath();
    symlinkSync(path, path);
    expect(refusalOf(() => opened(path)).message).toBe(`the file ${path} cannot be read (ELOOP)`);
  });

  test('that is broken is not overwritten', () => {
    const path = newPath();
    writeFileSync(path, '{', { mode: 0o600 });
    expect(
      refusalOf(() => {
        addToken(path, stored());
      }).message,
    ).toContain(path);
    expect(readFileSync(path, 'utf8')).toBe('{');
  });

  test('is read again within a second of a change, and checked no more often', async () => {
    const path = newPath();
    const [one, two] = [stored(), stored()];
    addToken(path, one);
    const { file, clock } = opened(path);
    addToken(path, two);
    await clock.advance(999);
    expect(file.find(two.publicId)).toBeUndefined();
    await clock.advance(1);
    expect(file.find(two.publicId)).toEqual(facts(two));
  });

  test('stops a token within a second after its entry was removed', async () => {
    const path = newPath();
    const [one, two] = [stored(), stored()];
    addToken(path, one);
    addToken(path, two);
    const { file, clock, problems } = opened(path);
    const content = JSON.parse(readFileSync(path, 'utf8')) as { tokens: { id: string }[] };
    const tokens = content.tokens.filter((token) => token.id !== one.publicId);
    writeFileSync(path, JSON.stringify({ ...content, tokens }));
    await clock.advance(1_000);
    expect([file.find(one.publicId), file.find(two.publicId)]).toEqual([undefined, facts(two)]);
    expect(problems).toEqual([]);
  });

  const breakages: readonly [string, (path: string) => void][] = [
    [
      'is cut short',
      (path) => {
        writeFileSync(path, readFileSync(path).subarray(0, 40));
      },
    ],
    [
      'is emptied',
      (path) => {
        writeFileSync(path, '');
      },
    ],
    [
      'is deleted',
      (path) => {
        rmSync(path);
      },
    ],
    [
      'becomes readable for other users',
      (path) => {
        chmodSync(path, 0o644);
      },
    ],
    [
      'has an unknown field',
      (path) => {
        writeFileSync(path, '{"format":1,"tokens":[],"x":1}');
      },
    ],
    [
      'becomes a link to itself',
      (path) => {
        rmSync(path);
        symlinkSync(path, path);
      },
    ],
  ];

  test.each(breakages)('that %s leaves the known tokens valid, and is reported once', async (_, spoil) => {
    const path = newPath();
    const one = stored();
    addToken(path, one);
    const { file, clock, problems } = opened(path);
    spoil(path);
    for (let second = 0; second < 3; second += 1) {
      await clock.advance(1_000);
      expect(file.find(one.publicId)).toEqual(facts(one));
    }
    expect(problems).toEqual([expect.stringContaining(path)]);
  });

  test.each(breakages)('that %s and is repaired is read again', async (_, spoil) => {
    const path = newPath();
    const [one, two] = [stored(), stored()];
    addToken(path, one);
    const { file, clock } = opened(path);
    spoil(path);
    await clock.advance(1_000);
    file.find(one.publicId);
    rmSync(path, { force: true });
    addToken(path, two);
    await clock.advance(1_000);
    expect([file.find(one.publicId), file.find(two.publicId)]).toEqual([undefined, facts(two)]);
  });

  test('that was changed while other users could read it is read once they cannot', async () => {
    const path = newPath();
    const [one, two] = [stored(), stored()];
    addToken(path, one);
    const { file, clock } = opened(path);
    rmSync(path);
    addToken(path, two);
    chmodSync(path, 0o644);
    await clock.advance(1_000);
    expect(file.find(one.publicId)).toEqual(facts(one));
    chmodSync(path, 0o600);
    await clock.advance(1_000);
    expect([file.find(one.publicId), file.find(two.publicId)]).toEqual([undefined, facts(two)]);
  });
});

describe('a change of the token file', () => {
  const nowMs = ManualClock.startMs;
  const day = 86_400_000;
  const made = (more: Partial<StoredToken> = {}): StoredToken => {
    const { publicId, secretDigest } = makeBearerToken();
    return { publicId, secretDigest, ...billing, ...more };
  };
  const idsIn = (path: string): readonly string[] => readTokens(path).map(({ publicId }) => publicId);

  test('keeps all fields of a token', () => {
    const path = newPath();
    const all = made({ notBeforeMs: nowMs, expiresMs: nowMs + day, revokedMs: nowMs + 1 });
    const least = made();
    add(path, all, nowMs);
    add(path, least, nowMs);
    expect(readTokens(path)).toEqual([all, least]);
  });

  test.each([
    ['{', 'is not valid JSON (line 1, column 2)'],
    ['', 'is not valid JSON (line 1, column 1)'],
    ['{\n  "format": 1,\n  tokens: []\n}', 'is not valid JSON (line 3, column 3)'],
    ['[]', 'is not valid at its top level: Invalid input: expected object, received array'],
    ['{"format":1,"tokens":[{}]}', 'is not valid at tokens.0.id: '],
  ])('with the text %j is refused, and the message says where', (text, message) => {
    const path = newPath();
    writeFileSync(path, text, { mode: 0o600 });
    expect(refusalOf(() => readTokens(path)).message).toContain(`the token file ${path} ${message}`);
  });

  test('can start with a byte order mark', () => {
    const path = newPath();
    writeFileSync(path, '\ufeff{"format":1,"tokens":[]}', { mode: 0o600 });
    expect(readTokens(path)).toEqual([]);
  });

  test('adds at most two valid tokens for a caller, and names those that could be revoked', () => {
    const path = newPath();
    const [first, second] = [made(), made({ notBeforeMs: nowMs + day })];
    add(path, first, nowMs);
    add(path, second, nowMs);
    expect(
      refusalOf(() => {
        add(path, made(), nowMs);
      }),
    ).toEqual({
      message: `"billing" already has 2 valid tokens: ${first.publicId}, ${second.publicId}`,
      hint: 'revoke the one that is no longer used: rkms token revoke <public id>',
    });
    expect(idsIn(path)).toEqual([first.publicId, second.publicId]);
    add(path, made({ caller: callerId('payroll') }), nowMs);
    expect(idsIn(path)).toHaveLength(3);
  });

  test('does not count expired and revoked tokens', () => {
    const path = newPath();
    add(path, made({ expiresMs: nowMs }), nowMs - 1);
    const second = made();
    add(path, second, nowMs - 1);
    add(path, made(), nowMs);
    revokeToken(path, second.publicId, nowMs);
    add(path, made(), nowMs);
    expect(idsIn(path)).toHaveLength(4);
  });

  test('that adds the same token again changes nothing', () => {
    const path = newPath();
    const one = made();
    for (let count = 0; count < 3; count += 1) add(path, one, nowMs);
    expect(idsIn(path)).toEqual([one.publicId]);
  });

  test('revokes a token permanently, with the time of the first revocation', () => {
    const path = newPath();
    const [one, two] = [made(), made()];
    for (const token of [one, two]) add(path, token, nowMs);
    expect(revokeToken(path, one.publicId, nowMs + 1)).toEqual({ ...one, revokedMs: nowMs + 1 });
    expect(revokeToken(path, one.publicId, nowMs + 2)).toEqual({ ...one, revokedMs: nowMs + 1 });
    expect(readTokens(path)).toEqual([{ ...one, revokedMs: nowMs + 1 }, two]);
  });

  test('refuses to revoke an unknown token, and does not print the given text', () => {
    const path = newPath();
    add(path, made(), nowMs);
    const before = readFileSync(path, 'utf8');
    const { message, hint } = refusalOf(() => revokeToken(path, 'rkms_secret', nowMs));
    expect(`${message} ${hint}`).not.toContain('secret');
    expect([hint, readFileSync(path, 'utf8')]).toEqual(['see the public ids with: rkms token list', before]);
  });

  test('refuses to revoke without a file, and creates none', () => {
    const folder = leftovers.folder();
    const { message } = refusalOf(() => revokeToken(join(folder, 'tokens.json'), 'AAAABBBBCCCC', nowMs));
    expect(message).toContain('there is no token file');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('removes tokens that expired or were revoked 90 days ago', () => {
    const path = newPath();
    const [expired, revoked, good] = [made({ expiresMs: nowMs }), made({ revokedMs: nowMs }), made()];
    for (const token of [expired, revoked, good]) add(path, token, nowMs);
    add(path, good, nowMs + 90 * day - 1);
    expect(idsIn(path)).toHaveLength(3);
    add(path, good, nowMs + 90 * day);
    expect(idsIn(path)).toEqual([good.publicId]);
  });

  test('loses nothing when several processes change the file at the same time', async () => {
    const path = newPath();
    const processes = new StoreProcesses(leftovers.folder());
    leftovers.add(() => processes.stop());
    const tasks = ['a', 'b', 'c'].map((prefix) => ({ act: 'add-tokens', path, prefix, count: 8 }) as const);
    const told = (await processes.together(tasks)) as { result: readonly string[] }[];
    const added = told.flatMap(({ result }) => result);
    expect(added).toHaveLength(24);
    expect([...idsIn(path)].sort()).toEqual([...added].sort());
  }, 60_000);

  test('does not wait after another process was killed during its change', async () => {
    const path = newPath();
    const processes = new StoreProcesses(leftovers.folder());
    leftovers.add(() => processes.stop());
    const holder = await processes.start({ act: 'hold-lock', path });
    holder.send(0);
    await until(() => existsSync(`${path}.held`));
    await processes.stop();
    const one = made();
    add(path, one, nowMs);
    expect(idsIn(path)).toEqual([one.publicId]);
  }, 60_000);

  test('is refused when the file cannot be locked', () => {
    const path = newPath();
    mkdirSync(`${path}.lock`);
    expect(
      refusalOf(() => {
        add(path, made(), nowMs);
      }).message,
    ).toBe(`the lock file ${path}.lock cannot be locked (unable to open database file)`);
    const other = newPath();
    writeFileSync(`${other}.lock`, 'no database at all, but long enough '.repeat(40));
    expect(
      refusalOf(() => {
        add(other, made(), nowMs);
      }).message,
    ).toBe(`the lock file ${other}.lock cannot be locked (file is not a database)`);
    expect([path, other].map((each) => existsSync(each))).toEqual([false, false]);
  });

  test.each([
    [{}, 'live'],
    [{ notBeforeMs: nowMs }, 'live'],
    [{ notBeforeMs: nowMs + 1 }, 'not-yet-valid'],
    [{ expiresMs: nowMs + 1 }, 'live'],
    [{ expiresMs: nowMs }, 'expired'],
    [{ revokedMs: nowMs + 1 }, 'revoked'],
    [{ revokedMs: nowMs - 1, expiresMs: nowMs - 1 }, 'revoked'],
    [{ notBeforeMs: nowMs + 1, expiresMs: nowMs - 1 }, 'expired'],
  ] as const)('makes a token with %j %s', (times, state) => {
    expect(tokenState(made(times), nowMs)).toBe(state);
  });
});

describe('authentication', () => {
  const failed = (reason: string): unknown => err({ kind: 'authentication.failed', reason });
  const day = 86_400_000;
  const callerOf = (header: string): Caller => ({
    id: billing.caller,
    method: 'token',
    grants: [
      {
        source: `token ${header.slice('Bearer rkms_'.length, 'Bearer rkms_'.length + 12)}`,
        permissions: billing.permissions,
        ids: patterns,
        deny: [],
      },
    ],
  });

  function withToken(times: Partial<Pick<StoredToken, 'notBeforeMs' | 'expiresMs'>> = {}): {
    readonly header: string;
    readonly clock: ManualClock;
    readonly tokens: Map<string, StoredToken>;
    readonly authenticator: TokenAuthenticator;
  } {
    const { text, publicId, secretDigest } = makeBearerToken();
    const token = { publicId, secretDigest, ...billing, ...times };
    const tokens = new Map<string, StoredToken>([[publicId, token]]);
    const clock = new ManualClock();
    const authenticator = new TokenAuthenticator({ find: (id) => tokens.get(id) }, clock);
    return { header: `Bearer ${text}`, clock, tokens, authenticator };
  }

  test('identifies the caller by a valid token', async () => {
    const { authenticator, header } = withToken();
    expect(await authenticator.authenticate({ authorization: [header] })).toEqual(ok(callerOf(header)));
  });

  test('refuses every other token, with a reason for the log', async () => {
    const { authenticator, header } = withToken();
    const other = makeBearerToken().text;
    const publicId = header.slice('Bearer rkms_'.length, 'Bearer rkms_'.length + 12);
    const body = `rkms_${publicId}_${'x'.repeat(43)}`;
    const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    let [checksum, rest] = ['', crc32(body)];
    while (checksum.length < 6) {
      checksum = base62.charAt(rest % 62) + checksum;
      rest = Math.floor(rest / 62);
    }
    const wrongSecret = `Bearer ${body}_${checksum}`;
    expect(parseAuthorization(wrongSecret)?.publicId).toBe(publicId);
    const good = header;
    for (const [reason, ...authorization] of [
      ['malformed'],
      ['malformed', ''],
      ['malformed', 'Bearer x'],
      ['unknown', `Bearer ${other}`],
      ['unknown', wrongSecret],
      ['malformed', good, good],
      ['malformed', good, ''],
      ['malformed', '', good],
    ] as const) {
      expect(await authenticator.authenticate({ authorization })).toEqual(failed(reason));
    }
  });

  test('accepts a token from its start (included) to its end (not included)', async () => {
    const start = ManualClock.startMs;
    const times = { notBeforeMs: start + day, expiresMs: start + 2 * day };
    const { authenticator, clock, header } = withToken(times);
    const asked = () => authenticator.authenticate({ authorization: [header] });
    expect(await asked()).toEqual(failed('not-yet-valid'));
    await clock.advance(day - 1);
    expect(await asked()).toEqual(failed('not-yet-valid'));
    await clock.advance(1);
    expect(await asked()).toEqual(ok(callerOf(header)));
    await clock.advance(day - 1);
    expect(await asked()).toEqual(ok(callerOf(header)));
    await clock.advance(1);
    expect(await asked()).toEqual(failed('expired'));
  });

  test('accepts a token without an end at any later time', async () => {
    const { authenticator, clock, header } = withToken();
    await clock.advance(36_500 * day);
    expect(await authenticator.authenticate({ authorization: [header] })).toEqual(ok(callerOf(header)));
  });

  test('refuses a token that was removed', async () => {
    const { authenticator, tokens, header } = withToken();
    tokens.clear();
    expect(await authenticator.authenticate({ authorization: [header] })).toEqual(failed('unknown'));
  });
});
