// A disk that is full, or that fails to write or to flush: nothing is given out that is not there afterwards, the failure
// is told plainly, and once the disk is well the service works again, the same process or the next.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isDeep } from '../support/tiers.js';
import { CrashLab } from './crash-lab.js';

// Real processes, on a machine that may be busy.
jest.setTimeout(60_000);

let lab: CrashLab;
beforeAll(() => {
  lab = new CrashLab();
});
afterAll(() => {
  lab.close();
});

const kindsIn = (failures: readonly string[]): readonly string[] =>
  [...new Set(failures.map((line) => line.split(' ').at(-1) ?? ''))].sort();

/** The limit on a file's size that a shell sets, in blocks of 512 bytes: a write beyond it fails as on a full disk. */
const withRoom = (blocks: number): string => `ulimit -f ${blocks}`;

describe('a disk without room', () => {
  it.each(isDeep ? [0, 1, 8, 24] : [8])(
    'for files of more than %i blocks refuses the first start, and the next start with room comes up',
    async (blocks) => {
      const folder = lab.newFolder();
      const task = { act: 'make', folder: folder.path, run: 'full', atOnce: 1, requests: 3 } as const;
      const full = await lab.run(task, undefined, { shell: withRoom(blocks) });
      expect(full.lines).toEqual(['loaded']);
      expect([full.code, full.stderr]).toEqual([1, expect.stringMatching(/\bOperatorError\b/)]);
      const { lines } = await folder.make({ run: 'room', atOnce: 4, requests: 20 });
      expect(lines).toHaveLength(22);
      expect([await folder.problems('all'), folder.failures]).toEqual([[], []]);
    },
  );

  it('in mid-traffic fails requests with a name, loses no key, and the next start goes on', async () => {
    const folder = lab.newFolder();
    await folder.make({ run: 'before', atOnce: 4, requests: 40 });
    await folder.make({ run: 'full', atOnce: 4, requests: 400 }, undefined, { shell: withRoom(160) });
    expect(folder.answers).toBeGreaterThan(40);
    expect(folder.failures.length).toBeGreaterThan(0);
    const clear = ['audit.unavailable', 'store.misconfigured', 'store.outcome-unknown'];
    expect(clear).toEqual(expect.arrayContaining([...kindsIn(folder.failures)]));
    const failed = folder.failures.length;
    await folder.make({ run: 'after', atOnce: 4, requests: 40 });
    expect([folder.failures.length, await folder.problems('all')]).toEqual([failed, []]);
  });
});

const compiler = spawnSync('cc', ['--version']).status === 0;
const withCompiler = compiler && process.platform === 'linux' ? describe : describe.skip;
const why = compiler ? '' : ' (skipped: it needs Linux and a C compiler, cc)';

withCompiler(`a disk that fails while the service runs${why}`, () => {
  let shim: string;
  beforeAll(() => {
    shim = join(lab.root, 'failing-disk.so');
    const made = spawnSync('cc', ['-shared', '-fPIC', '-o', shim, 'test/crash/failing-disk.c', '-ldl']);
    expect(made.stderr.toString()).toBe('');
  });

  const [ENOSPC, EIO] = [28, 5];
  const unknown = 'store.outcome-unknown';

  const disks = [
    ['has no room for any file', 'write', ENOSPC, '', ['audit.unavailable', 'store.misconfigured']],
    ['has no room for the store', 'write', ENOSPC, 'rkms.sqlite', ['store.misconfigured']],
    ['has no room for the audit log', 'write', ENOSPC, 'audit.jsonl', ['audit.unavailable']],
    ['cannot write the store', 'write', EIO, 'rkms.sqlite', [unknown]],
    ['cannot write the audit log', 'write', EIO, 'audit.jsonl', ['audit.unavailable']],
    ['cannot flush any file', 'flush', EIO, '', ['audit.unavailable', unknown]],
    ['cannot flush the store', 'flush', EIO, 'rkms.sqlite', [unknown]],
    ['cannot flush the audit log', 'flush', EIO, 'audit.jsonl', ['audit.unavailable']],
  ] as const;

  it.each(isDeep ? disks : disks.filter((_, n) => n % 3 === 0))(
    'and %s releases nothing that is not there, and is used again once it is well',
    async (...row) => {
      const [, call, code, file, kinds] = row;
      const folder = lab.newFolder();
      const order = `${folder.path}.order`;
      let healthy = 0;
      let failed = 0;
      let healed = 0;
      const onLine = (line: string, kill: () => void): void => {
        if (line.startsWith('failed')) {
          failed += 1;
          if (failed === 20) rmSync(order);
        } else if (failed === 0) {
          healthy += 1;
          if (healthy === 22) writeFileSync(order, `${call} ${code} ${folder.path}/${file}`);
        } else if (failed >= 20) {
          healed += 1;
          if (healed === 40) kill();
        }
      };
      const env = { LD_PRELOAD: shim, FAILING_DISK: order };
      await folder.make({ run: 'disk', atOnce: 4 }, undefined, { env, onLine });
      expect(kinds).toEqual(expect.arrayContaining([...kindsIn(folder.failures)]));
      expect(await folder.problems('all')).toEqual([]);
    },
  );
});
