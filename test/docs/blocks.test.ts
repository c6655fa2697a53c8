// Every fenced block of the documentation is true: commands run in the order of their page, what they print is as shown,
// configuration is accepted, answers have the shape that is shown. What cannot be run here says so, for a known reason.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PlayedAws } from '../support/played-aws.js';
import { checkBlock, goodReasons } from './block-checks.js';
import { nameOf, readPages } from './pages.js';
import { Stage } from './stage.js';
import { preparationOf } from './preparations.js';

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);
const patienceMs = 300_000;

let played: Promise<PlayedAws> | undefined;
const aws = (): Promise<PlayedAws> => (played ??= PlayedAws.start());
afterAll(async () => {
  await (await played)?.stop();
});

/** :: name -> stage; some pages share one */
const stages = new Map<string, Stage>();
afterAll(async () => {
  for (const stage of stages.values()) await stage.close();
}, patienceMs);

describe.each(pages.filter((page) => page.blocks.length > 0))('$path', ({ path, text, blocks: own }) => {
  const preparation = preparationOf(path);
  const { stage: name = path.replaceAll(/[^a-z]/gi, '-').toLowerCase(), goodCodes = [] } = preparation;
  let stage: Stage;
  beforeAll(() => {
    const initialises = /^rkms init\b/m.test(text);
    stage = stages.get(name) ?? new Stage(aws, { name, initialises, ...preparation });
    stages.set(name, stage);
  });

  test.each(own.map((block) => ({ name: nameOf(block), block })))(
    '$name',
    async ({ block }) => {
      await preparation.before?.(block, stage);
      expect(await checkBlock(block, stage, goodCodes)).toBeUndefined();
    },
    patienceMs,
  );
});

describe('all blocks together', () => {
  test('are many', () => {
    expect(blocks.length).toBeGreaterThan(35);
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
