// A bound on what is done at the same time: what does not fit is refused at once, and what ends makes room.
import { describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, ResultAsync } from 'neverthrow';
import { ConcurrencyLimit } from '../../../src/application/resilience/concurrency-limit.js';

const overloaded = err({ kind: 'service.overloaded' });

describe('slots', () => {
  it('are as many as there are, and one that is given back can be taken again', () => {
    const slots = new ConcurrencyLimit(2);
    const first = slots.take()._unsafeUnwrap();
    slots.take();
    expect(slots.take()).toEqual(overloaded);
    expect(slots.inUse).toBe(2);
    first();
    first();
    expect(slots.inUse).toBe(1);
    expect(slots.take().isOk()).toBe(true);
    expect(slots.take()).toEqual(overloaded);
  });

  it('are held while the work goes on, and free however it ends', async () => {
    const slots = new ConcurrencyLimit(1);
    const fates: ((how: 'well' | 'bug') => void)[] = [];
    const work = (): ResultAsync<string, never> =>
      new ResultAsync(
        new Promise((resolve, reject) => {
          fates.push((how) => {
            if (how === 'well') resolve(ok('done'));
            else reject(new Error('bug'));
          });
        }),
      );
    const running = slots.run(work);
    expect(await slots.run(work)).toEqual(overloaded);
    fates[0]?.('well');
    expect(await running).toEqual(ok('done'));

    expect(await slots.run(() => errAsync('failed'))).toEqual(err('failed'));

    const broken = slots.run(work);
    fates[1]?.('bug');
    await expect(broken).rejects.toThrow('bug');
    const last = slots.run(work);
    fates[2]?.('well');
    expect([fates.length, await last]).toEqual([3, ok('done')]);
  });
});
