// Every fenced block of the documentation is true: commands run in the order of their page, what they print is as shown,
// configuration is accepted, answers have the shape that is shown. What cannot be run here says so, for a known reason.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PlayedAws } from '../support/played-aws.js';
import { checkBlock, goodReasons } from './block-checks.js';
import { commandLinesIn, readCommandTree, wrongWith, type CommandTree } from './command-tree.js';
import { nameOf, readPages } from './pages.js';
import { Stage } from './stage.js';
import { preparations } from './preparations.js';

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
const patienceMs = 120_000;

let played: Promise<PlayedAws> | undefined;
const aws = (): Promise<PlayedAws> => (played ??= PlayedAws.start());
let tree: CommandTree;
beforeAll(async () => {
  tree = await readCommandTree('dist/src/infrastructure/main.js');
}, patienceMs);
afterAll(async () => {
  await (await played)?.stop();
});

describe.each(pages.filter((page) => page.blocks.length > 0))('$path', ({ path, text, blocks: own }) => {
  const preparation = preparations[path] ?? {};
  let stage: Stage;
  beforeAll(() => {
    const name = path.replaceAll(/[^a-z]/gi, '-').toLowerCase();
    stage = new Stage(aws, { name, initialises: /^rkms init\b/m.test(text), ...preparation });
  });
  afterAll(() => stage.close(), patienceMs);

  test.each(own.map((block) => ({ name: nameOf(block), block })))(
    '$name',
    async ({ block }) => {
      await preparation.before?.(block, stage);
      expect(await checkBlock(block, stage)).toBeUndefined();
    },
    patienceMs,
  );
});

describe('all blocks together', () => {
  test('are many', () => {
    expect(blocks.length).toBeGreaterThan(50);
  });

  test('name commands and options of rkms that exist, also where they are not run', () => {
    const shells = blocks.filter(({ language }) => language === 'sh' || language === 'console');
    const wrong = shells.flatMap((block) =>
      commandLinesIn(block.text.replaceAll(/^\$ /gm, '')).flatMap((words) => {
        const problem = wrongWith(tree, words);
        return problem === undefined ? [] : [`${nameOf(block)}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('are left unrun for few reasons, and mostly run', () => {
    const reasons = blocks.flatMap(({ mark }) => (mark?.kind === 'not run' ? [mark.text] : []));
    const counted = goodReasons.map(
      (reason) => `${reasons.filter((each) => each === reason).length} ${reason}`,
    );
    process.stdout.write(
      `Of ${blocks.length} blocks, ${reasons.length} are not run here: ${counted.filter((line) => !line.startsWith('0')).join(', ')}\n`,
    );
    expect(reasons.length).toBeLessThan(blocks.length / 3);
  });
});
