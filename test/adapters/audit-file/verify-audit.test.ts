// The verification of the audit log: it detects every change to the files, and reports none in what RKMS wrote.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  beginning,
  nextLine,
  sha256 as hashOf,
  type Head,
} from '../../../src/adapters/audit-file/audit-chain.js';
import { filesOfLog } from '../../../src/adapters/audit-file/audit-names.js';
import { verifyAudit, type AuditReport } from '../../../src/adapters/audit-file/verify-audit.js';
import { auditEntry, auditLines, openAudit } from '../../support/audit-samples.js';
import { Leftovers } from '../../support/leftovers.js';
import { ManualClock } from '../../support/manual-clock.js';
import { dose, report } from '../../support/tiers.js';

const leftovers = new Leftovers();
let original: string;
let folder: string;
let path: string;
let head: Head;

const verify = (anchors: readonly Head[] = []): Promise<AuditReport> =>
  verifyAudit(filesOfLog(path), { anchors, whole: true });
const found = async (anchors: readonly Head[] = []): Promise<readonly string[]> => {
  const { files, findings } = await verify(anchors);
  return [
    ...files.flatMap((file) =>
      file.findings.map(
        ({ line, what }) => `${basename(file.file)}${line === undefined ? '' : `:${line}`} ${what}`,
      ),
    ),
    ...findings.map(({ what }) => what),
  ];
};
const textOf = (file: string): string => readFileSync(file, 'utf8');
const linesOf = (file: string): string[] => textOf(file).trimEnd().split('\n');
const write = (file: string, lines: readonly string[]): void => {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
};

beforeAll(async () => {
  original = leftovers.folder();
  const log = join(original, 'audit.jsonl');
  // Two restarts and three files.
  for (let start = 0; start < 3; start += 1) {
    const audit = openAudit(leftovers, log, { maxBytes: 2_500 });
    for (let n = 0; n < 4; n += 1) await audit.append(auditEntry({ requestId: `request-${start}-${n}` }));
    await audit.close();
  }
  const { seq, hash } = auditLines(log).at(-1) ?? { ...beginning };
  head = { seq, hash };
  folder = leftovers.folder();
  path = join(folder, 'audit.jsonl');
  restore();
});
afterAll(() => leftovers.clear());

/** The log as it was written. */
function restore(): void {
  rmSync(folder, { recursive: true });
  mkdirSync(folder, { mode: 0o700 });
  for (const file of filesOfLog(join(original, 'audit.jsonl')))
    copyFileSync(file, join(folder, basename(file)));
}

describe('an untouched log', () => {
  test('has no finding and no note, and reports the head of each file', async () => {
    restore();
    const { files, findings, findingCount } = await verify([head]);
    expect([findings, findingCount, files.map(({ notes }) => notes)]).toEqual([[], 0, [[], [], []]]);
    expect(files.map(({ file }) => basename(file))).toEqual([
      'audit.000001.jsonl',
      'audit.000002.jsonl',
      'audit.jsonl',
    ]);
    expect(files.reduce((sum, { entries }) => sum + entries, 0)).toBe(12);
    expect(files[1]?.first).toMatchObject({
      seq: (files[0]?.last?.seq ?? 0) + 1,
      prev: files[0]?.last?.hash,
    });
    expect(files[2]?.last).toMatchObject(head);
  });

  test('passes every anchor of its past', async () => {
    restore();
    const anchors = filesOfLog(path).flatMap((file) =>
      auditLines(file).map(({ seq, hash }) => ({ seq, hash })),
    );
    expect(anchors).toHaveLength(head.seq);
    expect(await found(anchors)).toEqual([]);
  });

  test('can be verified file by file: an earlier file is a note, unless an anchor names it', async () => {
    restore();
    const [first, second = ''] = filesOfLog(path);
    const alone = (anchors: readonly Head[]) => verifyAudit([second], { anchors, whole: false });
    const before = auditLines(first ?? '').at(-1);
    const report = await alone([]);
    expect(report.files[0]?.notes.map(({ what }) => what)).toEqual(['earlier-files']);
    const anchored = await alone([{ seq: before?.seq ?? 0, hash: before?.hash ?? '' }]);
    expect([anchored.findingCount, anchored.files[0]?.notes]).toEqual([0, []]);
  });

  test('is intact by jq and sha256sum alone, as docs/audit.md shows', () => {
    restore();
    const [script = ''] = /(?<=```sh\n)# verify[^]*?(?=```)/.exec(textOf('docs/audit.md')) ?? [];
    const run = (): string => execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' });
    try {
      execFileSync('jq', ['--version']);
    } catch {
      return;
    }
    expect(run()).toBe('');
    const lines = linesOf(path);
    write(path, lines.with(2, lines[2]?.replace('billing', 'nobody') ?? ''));
    expect(run()).toContain('audit.jsonl');
    write(path, lines.toSpliced(2, 1));
    expect(run()).toContain('audit.jsonl');
  });
});

describe('a log that was tampered with', () => {
  const change = (file: string, edit: (lines: string[]) => readonly string[]): void => {
    restore();
    const target = join(folder, file);
    write(target, edit(linesOf(target)));
  };

  test('names the line that was edited', async () => {
    change('audit.000001.jsonl', (lines) => lines.with(4, lines[4]?.replace('opened', 'denied') ?? ''));
    expect(await found()).toEqual(['audit.000001.jsonl:5 edited']);
  });

  test('names the line after an edited line with a new, valid hash', async () => {
    change('audit.000001.jsonl', (lines) => {
      const { seq, prev } = auditLines(join(folder, 'audit.000001.jsonl'))[4] ?? { seq: 0, prev: '' };
      const { text } = nextLine({ seq: seq - 1, hash: prev }, { action: 'key.get', caller: 'forged' });
      return lines.with(4, text.trimEnd());
    });
    expect(await found()).toEqual(['audit.000001.jsonl:6 does-not-follow']);
  });

  test.each<[string, (lines: string[]) => readonly string[], readonly string[]]>([
    ['lines that are gone', (lines) => lines.toSpliced(4, 2), ['5 missing-lines']],
    ['a line that comes twice', (lines) => lines.toSpliced(4, 0, lines[3] ?? ''), ['5 out-of-order']],
    [
      'two lines that changed places',
      (lines) => lines.toSpliced(4, 2, lines[5] ?? '', lines[4] ?? ''),
      ['5 missing-lines', '6 out-of-order', '7 missing-lines'],
    ],
    ['a line that is no JSON', (lines) => lines.toSpliced(4, 0, 'x'), ['5 not-json']],
    ['a line of other JSON', (lines) => lines.toSpliced(4, 0, '{"a":1}'), ['5 malformed']],
    ['an empty line', (lines) => lines.toSpliced(4, 0, ''), ['5 not-json']],
    ['a line that is overlong', (lines) => lines.toSpliced(4, 0, 'x'.repeat(5_000_000)), ['5 too-long']],
    ['a beginning that is gone', (lines) => lines.slice(1), ['1 no-beginning', ' missing-file']],
  ])('names %s', async (_, edit, expected) => {
    change('audit.000001.jsonl', edit);
    expect(await found()).toEqual(
      expected.map((what) => `audit.000001.jsonl${what.startsWith(' ') ? '' : ':'}${what}`),
    );
  });

  test('names a line with a forged number and a valid hash', async () => {
    change('audit.jsonl', (lines) => {
      const { seq, hash } = auditLines(path).at(-1) ?? beginning;
      return [...lines, nextLine({ seq: seq + 5, hash }, { action: 'key.get' }).text.trimEnd()];
    });
    expect(await found()).toEqual([expect.stringMatching(/^audit\.jsonl:\d+ missing-lines$/)]);
  });

  test('names a line with a duplicate member, which parsers read differently', async () => {
    change('audit.jsonl', (lines) => {
      const covered = `${lines.at(-1)?.replace(/,"hash":"\w+"\}$/, '') ?? ''},"seq":1`;
      return [...lines.slice(0, -1), `${covered},"hash":"${hashOf(covered)}"}`];
    });
    expect(await found()).toEqual([expect.stringMatching(/^audit\.jsonl:\d+ malformed$/)]);
  });

  test('names a missing file, from the file before and the file after', async () => {
    restore();
    rmSync(join(folder, 'audit.000002.jsonl'));
    expect(await found()).toEqual(['audit.000001.jsonl missing-file', 'audit.jsonl missing-file']);
    restore();
    rmSync(path);
    expect(await found()).toEqual(['audit.000002.jsonl missing-file']);
    restore();
    rmSync(join(folder, 'audit.000001.jsonl'));
    expect(await found()).toEqual(['audit.000002.jsonl missing-file']);
  });

  test('names a second file that continues from the same line', async () => {
    restore();
    copyFileSync(path, join(folder, 'audit-2.jsonl'));
    expect(await found()).toEqual(['audit.jsonl forked', 'audit-2.jsonl forked']);
  });

  test('passes after its last lines were cut off, but fails with an anchor', async () => {
    change('audit.jsonl', (lines) => lines.slice(0, -2));
    expect(await found()).toEqual([]);
    expect(await found([head])).toEqual(['anchor-not-found']);
  });

  test('passes after its last lines were rewritten, but fails with an anchor', async () => {
    change('audit.jsonl', (lines) => {
      const before = auditLines(path).at(-3) ?? beginning;
      return [
        ...lines.slice(0, -2),
        nextLine(before, { action: 'key.get', caller: 'forged' }).text.trimEnd(),
      ];
    });
    expect(await found()).toEqual([]);
    expect(await found([head])).toEqual(['anchor-not-found']);
  });

  test('reports a torn line as a note only if the restart recorded exactly these bytes', async () => {
    const torn = '{"seq":3,"prev":"';
    const chain = (piece: string, bytes: number): readonly string[] => {
      const one = nextLine(beginning, { action: 'audit.file' });
      const two = nextLine(one.head, { action: 'audit.open' });
      const start = torn + two.head.hash.slice(0, piece.length);
      const record = openAuditRecord(start, bytes);
      return [
        one.text,
        two.text,
        `${start}${piece.length > 8 ? '!' : ''}\n`,
        nextLine(two.head, record).text,
      ];
    };
    const openAuditRecord = (piece: string, extra: number): Readonly<Record<string, unknown>> => ({
      action: 'audit.open',
      torn: { bytes: piece.length + extra, sha256: hashOf(piece) },
    });
    for (const [piece, extra, expected] of [
      ['abcdefgh', 0, []],
      ['abcdefgh', 1, ['audit.jsonl:3 not-json']],
      ['abcdefghi', 0, ['audit.jsonl:3 not-json']],
    ] as const) {
      for (const file of filesOfLog(path)) rmSync(file);
      writeFileSync(path, chain(piece, extra).join(''));
      expect([piece, extra, await found()]).toEqual([
        piece,
        extra,
        expected.length === 0 ? [] : expect.arrayContaining([...expected]),
      ]);
    }
  });
});

describe('10,000 random changes', () => {
  interface Change {
    readonly name: string;
    readonly content: Buffer;
  }

  /** Changes one file's content at random; `below` is a whole number from 0 up to but not including its argument. */
  function changed(content: Buffer, below: (most: number) => number): Change {
    const lines = content.toString('latin1').trimEnd().split('\n');
    const joined = (changed: readonly string[]): Buffer =>
      Buffer.from(changed.map((line) => `${line}\n`).join(''), 'latin1');
    const at = below(lines.length);
    const bytes = Buffer.from(content);
    // The last byte, a line feed, stays: without it the file is one whose tail was cut.
    const offset = below(bytes.length - 1);
    const length = 1 + below(Math.min(64, bytes.length - 1 - offset));
    switch (below(8)) {
      case 0:
        for (let n = 0; n < length; n += 1) bytes[offset + n] = below(256);
        return { name: 'bytes edited', content: bytes };
      case 1:
        bytes[offset] = (bytes[offset] ?? 0) ^ (1 << below(8));
        return { name: 'bit flipped', content: bytes };
      case 2:
        return {
          name: 'bytes deleted',
          content: Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + length)]),
        };
      case 3: {
        const noise = Buffer.from(Array.from({ length }, () => below(256)));
        return {
          name: 'bytes inserted',
          content: Buffer.concat([bytes.subarray(0, offset), noise, bytes.subarray(offset)]),
        };
      }
      case 4:
        return { name: 'line deleted', content: joined(lines.toSpliced(at, 1)) };
      case 5:
        return {
          name: 'line repeated',
          content: joined(lines.toSpliced(below(lines.length + 1), 0, lines[at] ?? '')),
        };
      case 6: {
        const other = below(lines.length);
        return {
          name: 'lines exchanged',
          content: joined(lines.with(at, lines[other] ?? '').with(other, lines[at] ?? '')),
        };
      }
      default:
        return { name: 'cut', content: bytes.subarray(0, below(bytes.length)) };
    }
  }

  test('are all detected: by the chain alone, or, for cut last lines, by the anchor', async () => {
    restore();
    const random = new ManualClock(20_301);
    const below = (most: number): number => Math.floor(random.random() * most);
    const files = filesOfLog(path);
    const contents = files.map((file) => readFileSync(file));
    const changes = dose('CHANGES', { small: 300, full: 10_000 });
    const missed: string[] = [];
    const counts = { total: 0, byChain: 0, byAnchor: 0 };
    while (counts.total < changes) {
      const which = below(files.length);
      const [file = '', before = Buffer.alloc(0)] = [files[which], contents[which]];
      const { name, content } = changed(before, below);
      if (content.equals(before)) continue;
      counts.total += 1;
      writeFileSync(file, content);
      const { findingCount, findings } = await verify([head]);
      writeFileSync(file, before);
      const byChain = findingCount > findings.length;
      if (byChain) counts.byChain += 1;
      else if (findings.length > 0) counts.byAnchor += 1;
      const isCutTail = which === files.length - 1 && before.subarray(0, content.length).equals(content);
      if (findingCount === 0 || (!byChain && !isCutTail)) missed.push(`${name} in ${basename(file)}`);
    }
    expect(missed).toEqual([]);
    expect(counts.byChain + counts.byAnchor).toBe(changes);
    report(`audit: ${JSON.stringify(counts)}`);
  }, 300_000);
});
