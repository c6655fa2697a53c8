// The audit file: one line per entry, on disk before it is confirmed, chained to the previous line, and only complete lines,
// whatever the disk does. `rkms audit verify` decides whether a log is intact; it has its own tests.
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { err, ok } from 'neverthrow';
import { filesOfLog, writerPath } from '../../../src/adapters/audit-file/audit-names.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { verifyAudit, type AuditReport } from '../../../src/adapters/audit-file/verify-audit.js';
import { firstVersion } from '../../../src/domain/ids.js';
import {
  auditEntry as entry,
  auditLines,
  hashOfLine,
  openAudit,
  requestIds,
} from '../../support/audit-samples.js';
import { withoutCause } from '../../support/failures-without-cause.js';
import { Leftovers } from '../../support/leftovers.js';
import { ManualClock } from '../../support/manual-clock.js';
import { region } from '../../support/names.js';
import { refusalOf } from '../../support/refusals.js';
import { until } from '../../support/until.js';
import { manyRuns } from '../../support/tiers.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const newPath = (): string => join(leftovers.folder(), 'audit.jsonl');
const open = (path: string, settings: Parameters<typeof openAudit>[2] = {}) =>
  openAudit(leftovers, path, settings);

const verify = (path: string): Promise<AuditReport> =>
  verifyAudit(filesOfLog(path), { anchors: [], whole: true });
const findingsIn = async (path: string): Promise<readonly string[]> =>
  (await verify(path)).files.flatMap(({ findings }) => findings.map(({ what }) => what));
const notesIn = async (path: string): Promise<readonly string[]> =>
  (await verify(path)).files.flatMap(({ notes }) => notes.map(({ what }) => what));

const unavailable = err({ kind: 'audit.unavailable' });
const own = ['seq', 'prev', 'hash'];
const withoutChain = (line: object): object =>
  Object.fromEntries(Object.entries(line).filter(([name]) => !own.includes(name)));

describe('an entry', () => {
  test('is one line of JSON with every field, and its time as ISO 8601', async () => {
    const path = newPath();
    const audit = open(path);
    const full = entry({ version: firstVersion, region: region('eu-west-1'), copies: '2/3' });
    expect(await audit.append(full)).toEqual(ok(undefined));
    const { timeMs, ...rest } = full;
    expect(timeMs).toBe(Date.UTC(2030, 0, 1));
    expect(auditLines(path).slice(2).map(withoutChain)).toEqual([
      { time: '2030-01-01T00:00:00.000Z', ...rest },
    ]);
  });

  test('is never two lines, whatever it contains', async () => {
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
      fc.constantFrom(',"hash":"', `,"hash":"${'0'.repeat(64)}"}`, '","seq":1,"x":"'),
    );
    const expected: (readonly string[])[] = [];
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (requestId, outcome, method) => {
        expected.push([requestId, outcome, method]);
        expect((await audit.append(entry({ requestId, outcome, method }))).isOk()).toBe(true);
      }),
      { numRuns: manyRuns(500) },
    );
    const found = auditLines(path)
      .slice(2)
      .map(({ requestId, outcome, method }) => [requestId, outcome, method]);
    expect(found).toEqual(expected);
    expect(await findingsIn(path)).toEqual([]);
  });

  test('with texts above 512 characters is cut, and is an intact line', async () => {
    const path = newPath();
    const audit = open(path);
    const texts = ['x'.repeat(512), 'y'.repeat(513), '\u0000'.repeat(100_000)];
    for (const requestId of texts) await audit.append(entry({ requestId }));
    expect(requestIds(path)).toEqual([texts[0], `${'y'.repeat(511)}…`, `${'\u0000'.repeat(511)}…`]);
    expect(await findingsIn(path)).toEqual([]);
  });
});

describe('many entries', () => {
  test('at once, 3,000 of them, are all in the file, in order', async () => {
    const path = newPath();
    const audit = open(path);
    const ids = Array.from({ length: 3_000 }, (_, index) => `request-${index}`);
    const results = await Promise.all(ids.map((requestId) => audit.append(entry({ requestId }))));
    expect(new Set(results.map((result) => result.isOk()))).toEqual(new Set([true]));
    expect(requestIds(path)).toEqual(ids);
  });

  test('that arrive during a write are all in the file, in order', async () => {
    const path = newPath();
    const audit = open(path);
    const ids = Array.from({ length: 100 }, (_, index) => `request-${index}`);
    const results: ReturnType<typeof audit.append>[] = [];
    for (const requestId of ids) {
      results.push(audit.append(entry({ requestId })));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(results);
    expect(requestIds(path)).toEqual(ids);
  });
});

describe('the chain', () => {
  test('numbers the lines from 1, and each line has the hash of the one before, also across a restart', async () => {
    const path = newPath();
    for (const requestId of ['a', 'b']) {
      const audit = open(path);
      await audit.append(entry({ requestId }));
      await audit.close();
    }
    const texts = readFileSync(path, 'utf8').trimEnd().split('\n');
    const lines = auditLines(path);
    expect(lines.map(({ action, requestId }) => requestId ?? action)).toEqual([
      'audit.file',
      'audit.open',
      'a',
      'audit.close',
      'audit.open',
      'b',
      'audit.close',
    ]);
    expect(lines.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(lines.map(({ hash }) => hash)).toEqual(texts.map(hashOfLine));
    expect(lines.map(({ prev }) => prev)).toEqual(['0'.repeat(64), ...texts.slice(0, -1).map(hashOfLine)]);
    expect([await findingsIn(path), await notesIn(path)]).toEqual([[], []]);
  });

  test('of one log differs from that of any other, even with the same entries', async () => {
    const clock = new ManualClock();
    const paths = [newPath(), newPath()];
    for (const path of paths) await open(path, { clock }).append(entry());
    const [one, other] = paths.map((path) => auditLines(path).map(({ hash }) => hash));
    expect(one?.filter((hash) => other?.includes(hash))).toEqual([]);
  });

  test('reports its head for anchors: when it continues, after a rotation, and at the end', async () => {
    const path = newPath();
    const heads: string[] = [];
    const onHead = (file: string, { seq, hash }: { seq: number; hash: string }): void => {
      expect(file).toBe(path);
      heads.push(`${seq}:${hash}`);
    };
    const audit = open(path, { maxBytes: 1_000, onHead });
    for (const requestId of ['a', 'b']) await audit.append(entry({ requestId }));
    await audit.close();
    await open(path, { onHead }).close();
    const known = filesOfLog(path).flatMap((file) =>
      auditLines(file).map(({ seq, hash }) => `${seq}:${hash}`),
    );
    expect([heads.length, heads.filter((head) => !known.includes(head))]).toEqual([4, []]);
    expect(heads.at(-1)).toBe(known.at(-1));
  });

  test('reports duration, number of lines and success of every write', async () => {
    const flushes: unknown[] = [];
    const settings = { onFlush: (flush: unknown) => flushes.push(flush) };
    const path = newPath();
    const audit = open(path, settings);
    await Promise.all(['a', 'b'].map((requestId) => audit.append(entry({ requestId }))));
    await audit.close();
    const durationMs = expect.any(Number);
    expect(flushes).toEqual([
      { lines: 3, durationMs, failed: false },
      { lines: 1, durationMs, failed: false },
    ]);
  });
});

describe('a full file', () => {
  test('is rotated without losing or repeating a line, whatever the load and the restarts', async () => {
    const path = newPath();
    const maxBytes = 20_000;
    const ids = Array.from({ length: 1_200 }, (_, index) => `request-${index}`);
    for (let start = 0; start < ids.length; start += 400) {
      const audit = open(path, { maxBytes });
      const workers = Array.from({ length: 7 }, async (_, worker) => {
        for (const requestId of ids.slice(start, start + 400).filter((__, index) => index % 7 === worker)) {
          expect(await audit.append(entry({ requestId }))).toEqual(ok(undefined));
        }
      });
      await Promise.all(workers);
      await audit.close();
    }
    const files = filesOfLog(path);
    expect(files.length).toBeGreaterThan(15);
    expect(files.filter((file) => statSync(file).size > maxBytes)).toEqual([]);
    expect(requestIds(...files).toSorted()).toEqual(ids.toSorted());
    expect([await findingsIn(path), await notesIn(path)]).toEqual([[], []]);
  });

  test('is followed by a file that names it, and its last line', async () => {
    const path = newPath();
    const audit = open(path, { maxBytes: 500 });
    for (const requestId of ['a', 'b']) await audit.append(entry({ requestId }));
    const [before, after] = filesOfLog(path).map(auditLines);
    expect(filesOfLog(path).map((file) => file.slice(path.length - 'audit.jsonl'.length))).toEqual([
      'audit.000001.jsonl',
      'audit.jsonl',
    ]);
    expect(after?.[0]).toMatchObject({
      action: 'audit.file',
      after: 'audit.000001.jsonl',
      prev: before?.at(-1)?.hash,
    });
  });

  test('is continued after a crash between its rotation and the next file', async () => {
    const path = newPath();
    const first = open(path);
    await first.append(entry({ requestId: 'a' }));
    await first.close();
    renameSync(path, path.replace('.jsonl', '.000001.jsonl'));
    await open(path).append(entry({ requestId: 'b' }));
    expect(requestIds(...filesOfLog(path))).toEqual(['a', 'b']);
    expect(await findingsIn(path)).toEqual([]);
  });
});

describe('several writers of one log', () => {
  test('have their own files and chains, and a released file is used again', async () => {
    const path = newPath();
    const logs = [open(path), open(path), open(path)];
    await Promise.all(logs.map((log, index) => log.append(entry({ requestId: `first-${index}` }))));
    await logs[1]?.close();
    await open(path).append(entry({ requestId: 'second' }));
    expect(filesOfLog(path).map((file) => requestIds(file))).toEqual([
      ['first-0'],
      ['first-1', 'second'],
      ['first-2'],
    ]);
    expect(await findingsIn(path)).toEqual([]);
  });

  test('are at most 64', () => {
    const path = newPath();
    for (let lane = 1; lane <= 64; lane += 1) {
      const lock = new DatabaseSync(`${writerPath(path, lane)}.lock`);
      leftovers.add(() => {
        lock.close();
      });
      lock.exec('BEGIN EXCLUSIVE');
    }
    expect(refusalOf(() => open(path)).message).toBe(`64 processes write to the audit log ${path} already`);
  });
});

describe('the file', () => {
  test('is created for its owner alone, like its lock', async () => {
    const path = join(leftovers.folder(), 'made', 'audit.jsonl');
    await open(path).append(entry());
    const modes = [path, `${path}.lock`, join(path, '..')].map((made) => statSync(made).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o700]);
  });

  test('that cannot be written refuses the start and names its path', () => {
    const path = newPath();
    mkdirSync(path);
    expect(refusalOf(() => open(path))).toEqual({
      message: `the audit log ${path} cannot be written (EISDIR)`,
      hint: expect.stringContaining('audit.file'),
    });
  });

  test('whose lock cannot be taken refuses the start and names its path', () => {
    const path = newPath();
    writeFileSync(`${path}.lock`, 'this is no lock file, but long enough to be looked at'.repeat(100));
    expect(refusalOf(() => open(path)).message).toContain(`the lock file ${path}.lock cannot be locked`);
  });

  test('below a file, where no folder can exist, refuses the start', () => {
    const file = newPath();
    writeFileSync(file, '');
    expect(refusalOf(() => open(join(file, 'x', 'audit.jsonl'))).message).toContain(join(file, 'x'));
  });

  test('that is a link to nowhere refuses the start', () => {
    const path = newPath();
    symlinkSync(join(path, '..', 'missing', 'x'), path);
    expect(refusalOf(() => open(path)).message).toBe(`the audit log ${path} cannot be written (ENOENT)`);
  });

  test.each([
    ['a text without an end', 'somebody’s notes'],
    ['lines of text', 'somebody’s notes\nof yesterday\n'],
    ['lines of JSON without a chain', '{"requestId":"a"}\n'],
    ['more than is looked at', 'x'.repeat(3_000_000)],
  ])('that holds something else is refused and left as it is: %s', (_, content) => {
    const path = newPath();
    writeFileSync(path, content);
    expect(refusalOf(() => open(path))).toEqual({
      message: `${path} does not end like an audit log of RKMS`,
      hint: expect.stringContaining('rkms audit verify'),
    });
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  test('that is a device is refused', () => {
    const path = newPath();
    symlinkSync('/dev/full', path);
    expect(refusalOf(() => open(path)).message).toContain('does not end like an audit log');
  });
});

describe('a line that a crash interrupted', () => {
  const cutAt = async (keep: (lastLine: number) => number): Promise<string> => {
    const path = newPath();
    const audit = open(path);
    for (const requestId of ['a', 'b']) await audit.append(entry({ requestId }));
    await audit.close();
    const content = readFileSync(path);
    const lastLine = content.lastIndexOf('\n', content.length - 2) + 1;
    truncateSync(path, lastLine + keep(content.length - lastLine));
    return path;
  };

  test.each([
    ['after its first byte', () => 1],
    ['in its middle', (length: number) => Math.floor(length / 2)],
    ['before its last byte', (length: number) => length - 2],
  ])('%s is ended and recorded by the restart, and the chain goes on', async (_, keep) => {
    const path = await cutAt(keep);
    expect(await notesIn(path)).toEqual(['unfinished']);
    await open(path).append(entry({ requestId: 'c' }));
    expect([await findingsIn(path), await notesIn(path)]).toEqual([[], ['torn', 'not-closed']]);
    expect(readFileSync(path, 'utf8')).toContain('"requestId":"c"');
  });

  test('between its end and its line feed is complete', async () => {
    const path = await cutAt((length) => length - 1);
    await open(path).append(entry({ requestId: 'c' }));
    expect([await findingsIn(path), await notesIn(path)]).toEqual([[], []]);
    expect(requestIds(path)).toEqual(['a', 'b', 'c']);
  });

  test('with zeros at its end, from the file system, is recorded as well', async () => {
    const path = await cutAt((length) => length - 20);
    appendFileSync(path, Buffer.alloc(5_000));
    await open(path).append(entry({ requestId: 'c' }));
    expect([await findingsIn(path), await notesIn(path)]).toEqual([[], ['torn', 'not-closed']]);
  });

  test('and was the first line is removed', async () => {
    const path = newPath();
    writeFileSync(path, '{"seq":1,"prev":"000', { mode: 0o600 });
    await open(path).append(entry({ requestId: 'a' }));
    expect([await findingsIn(path), requestIds(path)]).toEqual([[], ['a']]);
  });

  test('but does not start like a line of RKMS is reported by the verification', async () => {
    const path = await cutAt(() => 0);
    appendFileSync(path, '{"seq":4,"prev":"forged');
    await open(path).append(entry({ requestId: 'c' }));
    expect(await findingsIn(path)).toEqual(['not-json']);
  });
});

describe('a disk that fails', () => {
  /** A second of the clock is over, so that the file is looked for. */
  const breakIt = async (path: string, clock: ManualClock): Promise<void> => {
    renameSync(path, `${path}.aside`);
    mkdirSync(path);
    await clock.advance(1_000);
  };
  const mendIt = (path: string): void => {
    rmSync(path, { recursive: true });
    renameSync(`${path}.aside`, path);
  };

  test('fails every queued entry, records their number and the reason, and recovers with the disk', async () => {
    const path = newPath();
    const clock = new ManualClock();
    const audit = open(path, { clock });
    await audit.append(entry({ requestId: 'before' }));
    await breakIt(path, clock);
    const failed = await Promise.all(['a', 'b'].map((requestId) => audit.append(entry({ requestId }))));
    expect(failed.map(withoutCause)).toEqual([unavailable, unavailable]);
    expect(audit.isWorking()).toBe(false);
    mendIt(path);
    expect(await audit.append(entry({ requestId: 'after' }))).toEqual(ok(undefined));
    expect([audit.isWorking(), requestIds(path)]).toEqual([true, ['before', 'after']]);
    expect(auditLines(path).at(-2)).toMatchObject({ action: 'audit.recovered', refused: 2, why: 'EISDIR' });
    expect(await findingsIn(path)).toEqual([]);
  });

  test('is retried once a second without new entries, until the log is closed', async () => {
    const path = newPath();
    const clock = new ManualClock();
    const audit = open(path, { clock });
    await audit.append(entry());
    await breakIt(path, clock);
    await audit.append(entry());
    expect([audit.isWorking(), clock.pending]).toEqual([false, 1]);
    await clock.advance(1_000);
    await until(() => clock.pending === 1);
    expect(audit.isWorking()).toBe(false);
    mendIt(path);
    await clock.advance(1_000);
    await until(() => audit.isWorking());
    await breakIt(path, clock);
    await audit.append(entry());
    await audit.close();
    expect(clock.pending).toBe(0);
  });
});

describe('a file that another program changes', () => {
  test.each([
    [
      'removed',
      (path: string) => {
        rmSync(path);
      },
      ['missing-file'],
    ],
    [
      'emptied',
      (path: string) => {
        truncateSync(path, 0);
      },
      ['missing-file'],
    ],
    [
      'cut',
      (path: string) => {
        truncateSync(path, statSync(path).size - 200);
      },
      ['not-json'],
    ],
    [
      'added to',
      (path: string) => {
        appendFileSync(path, '{"a":1}\n');
      },
      ['malformed'],
    ],
  ])(
    'is noticed within a second when it is %s: lines go on, and the verification finds it',
    async (_, touch, found) => {
      const path = newPath();
      const clock = new ManualClock();
      const audit = open(path, { clock });
      await audit.append(entry({ requestId: 'before' }));
      touch(path);
      await clock.advance(1_000);
      expect(await audit.append(entry({ requestId: 'after' }))).toEqual(ok(undefined));
      expect(lastLine(path)).toMatchObject({ requestId: 'after' });
      expect(await findingsIn(path)).toEqual(expect.arrayContaining(found));
    },
  );

  test('loses no line when it is renamed to another name of the log', async () => {
    const path = newPath();
    const clock = new ManualClock();
    const audit = open(path, { clock });
    await audit.append(entry({ requestId: 'before' }));
    renameSync(path, path.replace('.jsonl', '.000001.jsonl'));
    await clock.advance(1_000);
    await audit.append(entry({ requestId: 'after' }));
    expect(requestIds(...filesOfLog(path))).toEqual(['before', 'after']);
    expect(await findingsIn(path)).toEqual([]);
  });

  const lastLine = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8').split('\n').at(-2) ?? '');
});

describe('a disk that does not respond', () => {
  test('makes the log refuse entries at once after 2 s, instead of queueing them, until it responds', async () => {
    const path = newPath();
    let nowMs = 0;
    const audit = open(path, { clock: { ...systemClock, monotonicMs: () => nowMs } });
    await audit.append(entry({ requestId: 'a' }));
    const hanging = audit.append(entry({ requestId: 'b' }));
    // Now the write has begun, and it cannot end before this test lets go of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    nowMs += 2_000;
    expect(audit.isWorking()).toBe(true);
    nowMs += 1;
    expect(audit.isWorking()).toBe(false);
    expect(await audit.append(entry({ requestId: 'c' }))).toEqual(
      err({ kind: 'audit.unavailable', cause: 'stalled' }),
    );
    expect(await hanging).toEqual(ok(undefined));
    expect(audit.isWorking()).toBe(true);
    expect(requestIds(path)).toEqual(['a', 'b']);
  });
});
