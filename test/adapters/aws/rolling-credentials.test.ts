// Credentials are renewed in the background, each fetch within a time limit, and never block a call while the present ones are
// valid.
import { describe, expect, it } from '@jest/globals';
import { RollingCredentials } from '../../../src/adapters/aws/rolling-credentials.js';
import type { AwsCredentials } from '../../../src/adapters/aws/sigv4.js';
import { ManualClock, settle } from '../../support/manual-clock.js';

/** A provider whose answers the test gives: each fetch waits until it is answered. */
class Provider {
  readonly clock = new ManualClock();
  readonly waiting: ((answer: AwsCredentials | Error) => void)[] = [];
  fetched = 0;
  /** How long the present credentials were still valid when a renewal failed, in seconds. */
  readonly warned: number[] = [];
  readonly credentials = new RollingCredentials(
    () => {
      this.fetched += 1;
      return new Promise((resolve, reject) => {
        this.waiting.push((answer) => {
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
        });
      });
    },
    this.clock,
    ({ validForS }) => this.warned.push(validForS),
  );

  key(id: string, livesMs?: number): AwsCredentials {
    const expiration = livesMs === undefined ? undefined : new Date(this.clock.nowMs() + livesMs);
    return { accessKeyId: id, secretAccessKey: 's', ...(expiration && { expiration }) };
  }

  async answer(answer: AwsCredentials | Error): Promise<void> {
    this.waiting.shift()?.(answer);
    await settle();
  }

  async started(answer: AwsCredentials): Promise<this> {
    void this.credentials.get();
    await this.answer(answer);
    return this;
  }

  get id(): string | undefined {
    return this.credentials.current()?.accessKeyId;
  }
}

describe('credentials', () => {
  it('are fetched once for many calls that need them at the same time', async () => {
    const provider = new Provider();
    const all = Promise.all([provider.credentials.get(), provider.credentials.get()]);
    await provider.answer(provider.key('one'));
    expect((await all).map(({ accessKeyId }) => accessKeyId)).toEqual(['one', 'one']);
    expect(provider.fetched).toBe(1);
  });

  it('without an expiry are never fetched again', async () => {
    const provider = await new Provider().started(new Provider().key('one'));
    await provider.clock.advance(86_400_000);
    expect([provider.id, provider.fetched]).toEqual(['one', 1]);
  });

  it('are renewed five minutes before they expire, and serve calls until the new ones are there', async () => {
    const provider = new Provider();
    await provider.started(provider.key('one', 3_600_000));
    await provider.clock.advance(3_299_000);
    expect([provider.id, provider.fetched]).toEqual(['one', 1]);
    await provider.clock.advance(2_000);
    expect([provider.id, provider.fetched]).toEqual(['one', 2]);
    await provider.answer(provider.key('two', 3_600_000));
    expect(provider.id).toBe('two');
  });

  it('of a short life are renewed at half of it', async () => {
    const provider = new Provider();
    await provider.started(provider.key('one', 12_000));
    await provider.clock.advance(6_100);
    expect([provider.id, provider.fetched]).toEqual(['one', 2]);
  });

  it('stay in use, with a warning, while the provider hangs, which is abandoned after 3 s and asked anew', async () => {
    const provider = new Provider();
    await provider.started(provider.key('one', 12_000));
    await provider.clock.advance(6_100);
    expect(provider.id).toBe('one');
    await provider.clock.advance(3_000);
    await provider.clock.advance(1_000);
    expect([provider.id, provider.fetched, provider.warned]).toEqual(['one', 3, [3]]);
    provider.waiting.shift();
    await provider.answer(provider.key('two', 3_600_000));
    expect(provider.id).toBe('two');
  });

  it('that are gone while the provider hangs fail calls at once, and are there within 8 s of its recovery', async () => {
    const provider = new Provider();
    await provider.started(provider.key('one', 12_000));
    for (let second = 0; second < 60; second += 1) {
      provider.credentials.current();
      await provider.clock.advance(1_000);
    }
    expect(provider.id).toBeUndefined();
    let seconds = 0;
    for (; provider.id === undefined && seconds < 20; seconds += 1) {
      while (provider.waiting.length > 1) provider.waiting.shift();
      await provider.clock.advance(1_000);
      provider.credentials.current();
      await provider.answer(provider.key('two', 3_600_000));
    }
    expect(seconds).toBeLessThanOrEqual(8);
  });

  it('are fetched at once when the clock, which was a year ahead at the last fetch, is set back', async () => {
    const provider = await new Provider().started(new Provider().key('one', 3_600_000));
    provider.clock.setBack(365 * 86_400_000);
    expect([provider.id, provider.fetched]).toEqual(['one', 2]);
    await provider.answer(provider.key('two', 3_600_000));
    await provider.clock.advance(3_000_000);
    expect([provider.id, provider.fetched]).toEqual(['two', 2]);
  });

  it('that the provider refuses are its error, at once between tries', async () => {
    const provider = new Provider();
    const denied = { name: 'CredentialsError', cause: new Error('denied') };
    const first = expect(provider.credentials.get()).rejects.toMatchObject(denied);
    await provider.answer(new Error('denied'));
    await first;
    await expect(provider.credentials.get()).rejects.toMatchObject(denied);
    expect(provider.fetched).toBe(1);
  });
});

describe('credentials that AWS refuses', () => {
  it('are replaced by one fetch for all calls that were refused', async () => {
    const provider = new Provider();
    const old = provider.key('one');
    await provider.started(old);
    const replaced = Promise.all([provider.credentials.replace(old), provider.credentials.replace(old)]);
    await provider.answer(provider.key('two'));
    expect((await replaced).map((each) => each?.accessKeyId)).toEqual(['two', 'two']);
    expect(provider.fetched).toBe(2);
  });

  it('are not fetched when another call replaced them already', async () => {
    const provider = new Provider();
    await provider.started(provider.key('two'));
    expect((await provider.credentials.replace(provider.key('one')))?.accessKeyId).toBe('two');
    expect(provider.fetched).toBe(1);
  });

  it('have no replacement when the provider answers with the same, or not at all', async () => {
    const provider = new Provider();
    const old = provider.key('one');
    await provider.started(old);
    const same = provider.credentials.replace(old);
    await provider.answer(provider.key('one'));
    expect(await same).toBeUndefined();
    const none = provider.credentials.replace(old);
    await provider.answer(new Error('denied'));
    expect(await none).toBeUndefined();
  });
});
