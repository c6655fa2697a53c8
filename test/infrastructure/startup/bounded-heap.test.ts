import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';

const heap = pathToFileURL('dist/src/infrastructure/startup/bounded-heap.js').href;

/** Makes objects of which the last 100,000 stay, in turns of the event loop, and prints the size of the young generation. */
const program = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { boundHeap } from '${heap}';
  boundHeap();
  let kept = [];
  for (let turn = 0; turn < 1_000; turn += 1) {
    for (let n = 0; n < 3_000; n += 1) kept.push({ n, more: [n] });
    if (kept.length > 100_000) kept = [];
    await new Promise(setImmediate);
  }
  console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size);
`;

test('the young generation of the heap grows to 32 MiB and not beyond', () => {
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  expect(Number(printed)).toBeGreaterThan(4 * 1_048_576);
  expect(Number(printed)).toBeLessThanOrEqual(32 * 1_048_576);
});
