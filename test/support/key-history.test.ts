// The judge of histories finds each wrong that it is there to find, and none in a history that is right.
import { describe, expect, it } from '@jest/globals';
import { wrongsIn, type Seen } from './key-history.js';

const calm = { disturbances: [], deaths: new Map() };
const seen = (beganMs: number, endedMs: number, more: Partial<Seen> = {}): Seen => ({
  beganMs,
  endedMs,
  process: 'one',
  id: 'a',
  mayCreate: true,
  status: 200,
  digest: 'x',
  ...more,
});
const absent = (beganMs: number, endedMs: number, mayCreate = false): Seen =>
  seen(beganMs, endedMs, { status: 404, digest: undefined, problem: 'key.not-found', mayCreate });
const refused = (beganMs: number, status = 503): Seen =>
  seen(beganMs, beganMs + 1, { status, digest: undefined, problem: 'regions.below-quorum' });

describe('a history is right', () => {
  it.each<readonly [string, readonly Seen[]]>([
    ['when all answers for an id carry one key', [seen(0, 5), seen(1, 2, { process: 'two' }), seen(9, 10)]],
    ['when two ids have two keys', [seen(0, 1), seen(0, 1, { id: 'b', digest: 'y' })]],
    ['when a reader asked before the key was given out', [absent(0, 1), absent(2, 9), seen(1, 3)]],
  ])('%s', (_, history) => {
    expect(wrongsIn(history, calm)).toEqual([]);
  });

  it('when connections break at a process that dies, and requests fail while regions change', () => {
    const broken = seen(4, 6, { status: 0, digest: undefined });
    const deaths = new Map([['one', { fromMs: 5, toMs: 9 }]]);
    const disturbances = [{ fromMs: 20, toMs: 30 }];
    expect(wrongsIn([seen(0, 1), broken, refused(25)], { deaths, disturbances })).toEqual([]);
  });
});

describe('a history is wrong', () => {
  it.each<readonly [string, readonly Seen[], string]>([
    ['with a second key for an id', [seen(0, 1), seen(2, 3, { digest: 'y' })], 'a: 2 different keys'],
    ['with one key for two ids', [seen(0, 1), seen(0, 1, { id: 'b' })], 'a, b: the same key, or none'],
    ['with an answer without a key', [seen(0, 1, { digest: undefined })], 'a: the same key, or none'],
    ['with a key that is gone', [seen(0, 1), absent(2, 3)], 'a: absent at one after it was given out'],
    ['with a creator who is told that there is none', [absent(0, 1, true)], 'a: 404 key.not-found from one'],
    ['with a failure out of the blue', [refused(0)], 'a: 503 regions.below-quorum from one'],
    ['with a broken connection', [seen(0, 1, { status: 0, digest: undefined })], 'a: 0  from one'],
  ])('%s', (_, history, wrong) => {
    expect(wrongsIn(history, calm)).toEqual([wrong]);
  });

  it('with another failure than a 503 even while regions change, and with breaks at a process that lives', () => {
    const disturbances = [{ fromMs: 0, toMs: 99 }];
    const deaths = new Map([['two', { fromMs: 0, toMs: 99 }]]);
    const broken = seen(4, 6, { status: 0, digest: undefined });
    expect(wrongsIn([refused(1, 500), broken], { disturbances, deaths })).toEqual([
      'a: 500 regions.below-quorum from one',
      'a: 0  from one',
    ]);
  });
});
