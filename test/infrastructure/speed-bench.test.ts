import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { isDeep } from '../support/tiers.js';

/** In the order of the table. */
const rows = [
  'Koa',
  'Koa, 128 callers',
  'lean client: reads',
  'lean client: creations',
  'AWS SDK: reads',
  'AWS SDK: creations',
  'RKMS: reads',
  'RKMS: reads, one id',
  'RKMS: reads, store silent',
  'RKMS: creations',
  'RKMS: reads, two workers',
  'RKMS: key cache, 128 callers',
  'RKMS: reads, 5,000 ids',
];

// A run takes half a minute of both cores, and needs a Node that runs TypeScript.
(isDeep && process.features.typescript ? test : test.skip)(
  'make bench measures every row, and at least 99 % of the requests succeed',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['bench/speed.ts', '--quick']);
    const table = stdout.split('\n').flatMap((line) => {
      const [, name, percent] = /^\| (\w.*?) \|.* ([\d.]+) % \|$/.exec(line) ?? [];
      return name === undefined ? [] : [{ name, succeeds: Number(percent) >= 99 }];
    });
    expect(table).toEqual(rows.map((name) => ({ name, succeeds: true })));
  },
  300_000,
);
