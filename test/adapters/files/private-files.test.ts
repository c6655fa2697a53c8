// Files and folders for their owner alone: who is refused, and that a file is whole or not there.
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

// Real processes, disks and connections, on a machine that may be busy.
jest.setTimeout(60_000);

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const modesOpenToOthers = [0o777, 0o755, 0o750, 0o710, 0o704, 0o702, 0o701];

describe('a private folder', () => {
  test('is made for its owner alone, with the folders above it', () => {
    const top = join(leftovers.folder(), 'a');
    ensurePrivateFolder(join(top, 'b', 'c'));
    expect([top, join(top, 'b'), join(top, 'b', 'c')].map(modeOf)).toEqual([0o700, 0o700, 0o700]);
  });

  test('that is there stays as it is', () => {
    const path = leftovers.folder();
    writeFileSync(join(path, 'x'), '1');
    ensurePrivateFolder(path);
    ensurePrivateFolder(`${path}/`);
    expect([modeOf(path), readdirSync(path)]).toEqual([0o700, ['x']]);
  });

  test.each(modesOpenToOthers)('that is open to others (%o) is refused, with the remedy', (mode) => {
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

  test('is refused where a file stands, or above which one does', () => {
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
  test('brings the content of a private file', () => {
    const path = join(leftovers.folder(), 'file');
    writeFileSync(path, Buffer.of(0, 255), { mode: 0o600 });
    expect(readPrivateFile(path)?.toString('hex')).toBe('00ff');
  });

  test('finds nothing where no file is', () => {
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

  test('looks at what a link leads to', () => {
    const folder = leftovers.folder();
    const [file, link] = [join(folder, 'file'), join(folder, 'link')];
    writeFileSync(file, 'x', { mode: 0o644 });
    symlinkSync(file, link);
    expect(refusalOf(() => readPrivateFile(link)).message).toContain(link);
    chmodSync(file, 0o400);
    expect(readPrivateFile(link)?.toString()).toBe('x');
  });

  test('is refused where a folder stands, or a link that leads in a circle', () => {
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
  test('makes a whole file for its owner alone, and leaves nothing else', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    expect(createPrivateFile(path, 'content')).toBe(true);
    expect([readFileSync(path, 'utf8'), modeOf(path), readdirSync(folder)]).toEqual([
      'content',
      0o600,
      ['file'],
    ]);
  });

  test('never overwrites: the first stays and the second is told so', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    createPrivateFile(path, 'first');
    expect(createPrivateFile(path, 'second')).toBe(false);
    expect([readFileSync(path, 'utf8'), readdirSync(folder)]).toEqual(['first', ['file']]);
  });

  test('is refused, and leaves nothing, where there is no folder', () => {
    const path = join(leftovers.folder(), 'missing', 'file');
    expect(refusalOf(() => createPrivateFile(path, 'x'))).toEqual({
      message: `the file ${path} cannot be written (ENOENT)`,
      hint: expect.stringContaining(join(path, '..')),
    });
  });
});

describe('replacing', () => {
  test('puts the new content in place of the old, for its owner alone', () => {
    const folder = leftovers.folder();
    const path = join(folder, 'file');
    writeFileSync(path, 'a long old content', { mode: 0o644 });
    replacePrivateFile(path, 'new');
    expect([readFileSync(path, 'utf8'), modeOf(path), readdirSync(folder)]).toEqual(['new', 0o600, ['file']]);
  });

  test('makes the file when there is none', () => {
    const path = join(leftovers.folder(), 'file');
    replacePrivateFile(path, 'new');
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['new', 0o600]);
  });

  test('does not touch who holds the old file open: they see the old content whole', () => {
    const path = join(leftovers.folder(), 'file');
    replacePrivateFile(path, 'old');
    const before = statSync(path).ino;
    replacePrivateFile(path, 'new');
    expect(statSync(path).ino).not.toBe(before);
  });

  test('is refused where a folder stands, and leaves no draft behind', () => {
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

  test('that create one file at once: one succeeds, and the file is its own, whole', async () => {
    for (let round = 0; round < 4; round += 1) {
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

  test('do not wait for ever for a folder where none can be made', async () => {
    const [told] = await processes.together([{ act: 'open', paths: ['/proc/rkms/rkms.db'] }]);
    expect(told).toEqual({ error: expect.stringContaining('the folder /proc/rkms cannot be written to') });
  });
});

test('an error is named by its code, and anything else by itself', () => {
  expect(codeOf(Object.assign(new Error('x'), { code: 'EACCES' }))).toBe('EACCES');
  expect(codeOf(new Error('x'))).toBe('Error: x');
  expect(codeOf('x')).toBe('x');
});
