// Files and folders that only their owner may read: which modes are refused, and that a file is complete or absent.
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  codeOf,
  createPrivateFile,
  ensurePrivateFolder,
  isHandedOver,
  readPrivateFile,
  replacePrivateFile,
} from '../../../src/adapters/files/private-files.js';
import { Leftovers } from '../../support/leftovers.js';
import { refusalOf } from '../../support/refusals.js';
import { StoreProcesses } from '../../support/store-processes.js';
import { manyRuns } from '../../support/tiers.js';

// Real processes, disks and connections, on a machine that may be busy.
jest.setTimeout(60_000);

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const modesOpenToOthers = [0o777, 0o755, 0o750, 0o710, 0o704, 0o702, 0o701];

describe('a private folder', () => {
  test('is created with access for its owner only, with missing parent folders', () => {
    const top = join(leftovers.folder(), 'a');
    ensurePrivateFolder(join(top, 'b', 'c'));
    expect([top, join(top, 'b'), join(top, 'b', 'c')].map(modeOf)).toEqual([0o700, 0o700, 0o700]);
  });

  test('that exists stays unchanged', () => {
    const path = leftovers.folder();
    writeFileSync(join(path, 'x'), '1');
    ensurePrivateFolder(path);
    ensurePrivateFolder(`${path}/`);
    expect([modeOf(path), readdirSync(path)]).toEqual([0o700, ['x']]);
  });

  test.each(modesOpenToOthers)('that is open to other users (%o) is refused, with a hint', (mode) => {
    const path = leftovers.folder();
    chmodSync(path, mode);
    expect(
      refusalOf(() => {
        ensurePrivateFolder(path);
      }),
    ).toEqual({
      message: `the folder ${path} is open to other users (mode 0${mode.toString(8)})`,
      hint: `run: chmod 700 '${path}'`,
    });
    expect(modeOf(path)).toBe(mode);
  });

  test('is refused if it or a parent folder is a file', () => {
    const file = join(leftovers.folder(), 'file');
    writeFileSync(file, '');
    const hint = expect.stringContaining('another folder');
    expect(
      refusalOf(() => {
        ensurePrivateFolder(file);
      }),
    ).toEqual({
      message: `the folder ${file} cannot be written to (EEXIST)`,
      hint,
    });
    expect(
      refusalOf(() => {
        ensurePrivateFolder(join(file, 'x', 'y'));
      }),
    ).toEqual({
      message: `the folder ${join(file, 'x', 'y')} cannot be written to (ENOTDIR)`,
      hint,
    });
  });
});

describe('reading', () => {
  test('returns the content of a private file', () => {
    const path = join(leftovers.folder(), 'file');
    writeFileSync(path, Buffer.of(0, 255), { mode: 0o600 });
    expect(readPrivateFile(path)?.toString('hex')).toBe('00ff');
  });

  test('returns nothing for a missing file', () => {
    expect(readPrivateFile(join(leftovers.folder(), 'file'))).toBeUndefined();
  });

  test.each([0o644, 0o640, 0o604, 0o666, 0o620, 0o601, 0o444])(
    'is refused when others may look (%o), with the remedy',
    (mode) => {
      const path = join(leftovers.folder(), 'file');
      writeFileSync(path, 'x');
      chmodSync(path, mode);
      expect(refusalOf(() => readPrivateFile(path))).toEqual({
        message: `the file ${path} is open to other users (mode 0${mode.toString(8)})`,
        hint: `run: chmod 600 '${path}'`,
      });
    },
  );

  const user = 1_000;
  test.each([
    ['is, when root lets a group or an ACL read it', { mode: 0o100440, uid: 0 }, user, true],
    ['is, when root may write it as well', { mode: 0o100640, uid: 0 }, user, true],
    ['is not, when the group may write it', { mode: 0o100660, uid: 0 }, user, false],
    ['is not, when the group may execute it', { mode: 0o100450, uid: 0 }, user, false],
    ['is not, when everybody may read it', { mode: 0o100444, uid: 0 }, user, false],
    ['is not, when another user hands it over', { mode: 0o100440, uid: 1_001 }, user, false],
    ['is not, when it is our own', { mode: 0o100440, uid: user }, user, false],
    ['is not, when we are root', { mode: 0o100440, uid: 0 }, 0, false],
  ])('takes a file for a secret that root handed over: it %s', (_, file, reader, isOne) => {
    expect(isHandedOver(file, reader)).toBe(isOne);
  });

  test('checks the target of a link', () => {
    const folder = leftovers.folder();
    const [file, link] = [join(folder, 'file'), join(folder, 'link')];
    writeFileSync(file, 'x', { mode: 0o644 });
    symlinkSync(file, link);
    expect(refusalOf(() => readPrivateFile(link)).message).toContain(link);
    chmodSync(file, 0o400);
    expect(readPrivateFile(link)?.toString()).toBe('x');
  });

  test('is refused for a folder, and for a link to itself', () => {
    const folder = leftovers.folder();
    const [inner, circle] = [join(folder, 'inner'), join(folder, 'circle')];
    mkdirSync(inner, { mode: 0o700 });
    symlinkSync(circle, circle);
    expect(refusalOf(() => readPrivateFile(inner)).message).toBe(`the file ${inner} cannot be read (EISDIR)`);
    expect(refusalOf(() => readPrivateFile(circle)).message).toBe(
      `the file ${circle} cannot be read (ELOOP)`,
    );
  });
});

describe('creating', () => {
  test('creates a complete file that only its owner can read, and no other file', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    expect(createPrivateFile(path, 'content')).toBe(true);
    expect([readFileSync(path, 'utf8'), modeOf(path), readdirSync(folder)]).toEqual([
      'content',
      0o600,
      ['file'],
    ]);
  });

  test('never overwrites: the first file stays, and the second call returns false', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    createPrivateFile(path, 'first');
    expect(createPrivateFile(path, 'second')).toBe(false);
    expect([readFileSync(path, 'utf8'), readdirSync(folder)]).toEqual(['first', ['file']]);
  });

  test('is refused without a folder, and leaves no file', () => {
    const path = join(leftovers.folder(), 'missing', 'file');
    expect(refusalOf(() => createPrivateFile(path, 'x'))).toEqual({
      message: `the file ${path} cannot be written (ENOENT)`,
      hint: expect.stringContaining(join(path, '..')),
    });
  });
});

describe('replacing', () => {
  test('replaces the content, readable only for the owner', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    writeFileSync(path, 'a long old content', { mode: 0o644 });
    replacePrivateFile(path, 'new');
    expect([readFileSync(path, 'utf8'), modeOf(path), readdirSync(folder)]).toEqual(['new', 0o600, ['file']]);
  });

  test('creates a missing file', () => {
    const path = join(leftovers.folder(), 'file');
    replacePrivateFile(path, 'new');
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['new', 0o600]);
  });

  test('does not affect readers that have the old file open', () => {
    const path = join(leftovers.folder(), 'file');
    replacePrivateFile(path, 'old');
    const before = statSync(path).ino;
    replacePrivateFile(path, 'new');
    expect(statSync(path).ino).not.toBe(before);
  });

  test('is refused for a folder, and leaves no draft behind', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    mkdirSync(path);
    expect(
      refusalOf(() => {
        replacePrivateFile(path, 'secret');
      }).message,
    ).toBe(`the file ${path} cannot be written (EISDIR)`);
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('several processes', () => {
  const programs = new Leftovers();
  let processes: StoreProcesses;

  beforeAll(() => {
    processes = new StoreProcesses(programs.folder());
  });

  afterEach(() => processes.stop());
  afterAll(() => programs.clear());

  test('that create one file at the same time: one succeeds, and the file has its complete content', async () => {
    for (let round = 0; round < manyRuns(4); round += 1) {
      const folder = leftovers.folder();
      const path = join(folder, 'file');
      const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
      const tasks = contents.map((content) => ({ act: 'create-file', path, content }) as const);
      const told = (await processes.together(tasks)) as { result: boolean }[];
      const winners = contents.filter((_, index) => told[index]?.result);
      expect(winners).toHaveLength(1);
      expect(readFileSync(path, 'utf8')).toBe(winners[0]);
      expect(readdirSync(folder)).toEqual(['file']);
    }
  });

  test('do not wait forever for a folder that cannot be created', async () => {
    const [told] = await processes.together([{ act: 'open', paths: ['/proc/rkms/rkms.db'] }]);
    expect(told).toEqual({ error: expect.stringContaining('the folder /proc/rkms cannot be written to') });
  });
});

test('an error is named by its code, any other value by its text', () => {
  expect(codeOf(Object.assign(new Error('x'), { code: 'EACCES' }))).toBe('EACCES');
  expect(codeOf(new Error('x'))).toBe('Error: x');
  expect(codeOf('x')).toBe('x');
});
