// The audit file: one line per entry, on disk before the ok, and whole lines whatever the disk does in between.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { AuditFile } from '../../src/adapters/audit-file/audit-file.js';
import { firstVersion } from '../../src/domain/ids.js';
import type { KeyEntry } from '../../src/ports/audit-log.js';
import { withoutCause } from '../support/failures-without-cause.js';
import { Leftovers } from '../support/leftovers.js';
import { callerId, keyId, region } from '../support/names.js';
import { refusalOf } from '../support/refusals.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const newPath = (): string => join(leftovers.folder(), 'audit.jsonl');

function open(path: string): AuditFile {
  const audit = AuditFile.open(path);
  leftovers.add(() => audit.close());
  return audit;
}

const entry = (more: Partial<KeyEntry> = {}): KeyEntry => ({
  timeMs: Date.UTC(2030, 0, 1),
  requestId: 'request-1',
  caller: callerId('billing'),
  method: 'token',
  action: 'key.get',
  id: keyId('orders/7'),
  outcome: 'opened',
  ...more,
});

const linesOf = (path: string): readonly string[] => {
  const content = readFileSync(path, 'utf8');
  expect(content === '' || content.endsWith('\n')).toBe(true);
  return content.split('\n').slice(0, -1);
};
const parsed = (path: string): readonly unknown[] => linesOf(path).map((line) => JSON.parse(line) as unknown);
const requestIds = (path: string): readonly string[] =>
  parsed(path).map((line) => (line as { requestId: string }).requestId);

const unavailable = err({ kind: 'audit.unavailable' });

describe('an entry', () => {
  test('is one line of JSON with every field, and its time in words', async () => {
    const path = newPath();
    const audit = open(path);
    const full = entry({ version: firstVersion, region: region('eu-west-1'), copies: '2/3' });
    expect(await audit.append(full)).toEqual(ok(undefined));
    const { timeMs, ...rest } = full;
    expect(timeMs).toBe(Date.UTC(2030, 0, 1));
    expect(parsed(path)).toEqual([{ time: '2030-01-01T00:00:00.000Z', ...rest }]);
  });

  test('is in the file by the time it is said to be', async () => {
    const path = newPath();
    const audit = open(path);
    for (let count = 0; count < 20; count += 1) {
      await audit.append(entry({ requestId: `request-${count}` }));
      expect(requestIds(path).at(-1)).toBe(`request-${count}`);
    }
  });

  test('is never two lines, whatever is in it', async () => {
    const path = newPath();
    const audit = open(path);
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\n',
        '\r\n',
        '"}\n{"a":"',
        '\u2028\u2029',
        '\u0000',
        '\\',
        '\ud800',
        '{"__proto__":1}',
      ),
    );
    const entries: KeyEntry[] = [];
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (requestId, outcome) => {
        entries.push(entry({ requestId, outcome }));
        expect((await audit.append(entry({ requestId, outcome }))).isOk()).toBe(true);
      }),
    );
    const expected = entries.map(({ requestId, outcome }) => [requestId, outcome]);
    const found = parsed(path).map((line) => {
      const { requestId, outcome } = line as KeyEntry;
      return [requestId, outcome];
    });
    expect(found).toEqual(expected);
  });
});

describe('many entries', () => {
  test('at once, 1,000 of them, are all there, in order', async () => {
    const path = newPath();
    const audit = open(path);
    const ids = Array.from({ length: 1_000 }, (_, index) => `request-${index}`);
    const results = await Promise.all(ids.map((requestId) => audit.append(entry({ requestId }))));
    expect(new Set(results.map((result) => result.isOk()))).toEqual(new Set([true]));
    expect(requestIds(path)).toEqual(ids);
  });

  test('that come while others are written are all there, in order', async () => {
    const path = newPath();
    const audit = open(path);
    const ids = Array.from({ length: 100 }, (_, index) => `request-${index}`);
    const results: ReturnType<AuditFile['append']>[] = [];
    for (const requestId of ids) {
      results.push(audit.append(entry({ requestId })));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(results);
    expect(requestIds(path)).toEqual(ids);
  });

  test('that wait when the log is closed are written first', async () => {
    const path = newPath();
    const audit = open(path);
    const results = ['a', 'b', 'c'].map((requestId) => audit.append(entry({ requestId })));
    await audit.close();
    expect(requestIds(path)).toEqual(['a', 'b', 'c']);
    expect(await Promise.all(results)).toEqual([ok(undefined), ok(undefined), ok(undefined)]);
  });

  test('of one start follow those of the start before', async () => {
    const path = newPath();
    const first = open(path);
    await first.append(entry({ requestId: 'a' }));
    await first.close();
    await open(path).append(entry({ requestId: 'b' }));
    expect(requestIds(path)).toEqual(['a', 'b']);
  });
});

describe('the file', () => {
  test('is made for its owner alone', () => {
    const path = join(leftovers.folder(), 'made', 'audit.jsonl');
    open(path);
    expect([statSync(path).mode & 0o777, statSync(join(path, '..')).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  test('that cannot be written refuses the start, by its path', () => {
    const path = newPath();
    mkdirSync(path);
    expect(refusalOf(() => AuditFile.open(path))).toEqual({
      message: `the audit log ${path} cannot be written (EISDIR)`,
      hint: expect.stringContaining('audit.file'),
    });
  });

  test('under a file, where no folder can be, refuses the start', () => {
    const file = newPath();
    writeFileSync(file, '');
    expect(refusalOf(() => AuditFile.open(join(file, 'x', 'audit.jsonl'))).message).toContain(
      join(file, 'x'),
    );
  });

  test('that is a link to nowhere refuses the start', () => {
    const path = newPath();
    symlinkSync(join(path, '..', 'missing', 'x'), path);
    expect(refusalOf(() => AuditFile.open(path)).message).toBe(
      `the audit log ${path} cannot be written (ENOENT)`,
    );
  });
});

describe('a sink that fails', () => {
  test('makes every waiting entry unavailable, and works again when it does', async () => {
    const path = newPath();
    const audit = open(path);
    rmSync(path);
    mkdirSync(path);
    const failed = await Promise.all(['a', 'b'].map((requestId) => audit.append(entry({ requestId }))));
    expect(failed.map(withoutCause)).toEqual([unavailable, unavailable]);
    rmSync(path, { recursive: true });
    expect(await audit.append(entry({ requestId: 'c' }))).toEqual(ok(undefined));
    expect(requestIds(path)).toEqual(['c']);
  });

  test('because the disk is full says so for every entry, and leaves whole lines when there is room again', async () => {
    expect(existsSync('/dev/full')).toBe(true);
    const path = newPath();
    symlinkSync('/dev/full', path);
    const audit = open(path);
    for (let count = 0; count < 3; count += 1) {
      expect(withoutCause(await audit.append(entry()))).toEqual(unavailable);
    }
    rmSync(path);
    expect(await audit.append(entry({ requestId: 'after' }))).toEqual(ok(undefined));
    expect(await audit.append(entry({ requestId: 'later' }))).toEqual(ok(undefined));
    expect(requestIds(path)).toEqual(['after', 'later']);
  });

  test('and left half a line behind does not spoil the next one', async () => {
    const path = newPath();
    const half = '{"time":"2030-01-01T00:00:00.000Z","requ';
    const first = open(path);
    await first.append(entry({ requestId: 'a' }));
    await first.close();
    appendFileSync(path, half);
    const audit = open(path);
    await audit.append(entry({ requestId: 'b' }));
    await audit.append(entry({ requestId: 'c' }));
    const lines = linesOf(path);
    expect(lines[1]).toBe(half);
    expect(
      lines.filter((line) => line !== half).map((line) => (JSON.parse(line) as KeyEntry).requestId),
    ).toEqual(['a', 'b', 'c']);
  });

  test('and left half a line behind while it ran does not spoil the next one', async () => {
    const path = newPath();
    const audit = open(path);
    const aside = join(path, '..', 'aside');
    renameSync(path, aside);
    mkdirSync(path);
    await audit.append(entry({ requestId: 'a' }));
    rmSync(path, { recursive: true });
    renameSync(aside, path);
    writeFileSync(path, 'half a line');
    await audit.append(entry({ requestId: 'b' }));
    expect(linesOf(path)).toEqual(['half a line', expect.stringContaining('"requestId":"b"')]);
  });
});
