// Expired credentials: fetched anew, tried once, and by one call for all that were refused at the same time.
import { describe, expect, it } from '@jest/globals';
import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import {
  withFreshCredentials,
  type CredentialProvider,
} from '../../../src/adapters/aws/fresh-credentials.js';

type Failure = { readonly kind: 'credentials.invalid' } | { readonly kind: 'region.unavailable' };
const refused: Failure = { kind: 'credentials.invalid' };
const down: Failure = { kind: 'region.unavailable' };

/** A provider that counts, and calls that answer as their scripts say. */
class Aws {
  fetched = 0;
  calls = 0;
  readonly credentials: CredentialProvider = () => {
    this.fetched += 1;
    return Promise.resolve({});
  };

  call(...script: readonly (Failure | 'ok')[]): ResultAsync<string, Failure> {
    const steps = [...script];
    return withFreshCredentials<string, Failure>(() => {
      this.calls += 1;
      const step = steps.shift() ?? 'ok';
      return step === 'ok' ? okAsync('ok') : errAsync(step);
    }, this.credentials);
  }

  async atOnce(count: number, ...script: readonly (Failure | 'ok')[]): Promise<readonly unknown[]> {
    return Promise.all(Array.from({ length: count }, () => this.call(...script)));
  }
}

const all = <T>(count: number, each: T): readonly T[] => Array.from({ length: count }, () => each);

describe('a call whose credentials are refused', () => {
  it('is made once more with fresh ones', async () => {
    const aws = new Aws();
    expect(await aws.call(refused, 'ok')).toEqual(ok('ok'));
    expect([aws.calls, aws.fetched]).toEqual([2, 1]);
  });

  it('is refused for good the second time, and the next call tries anew', async () => {
    const aws = new Aws();
    expect(await aws.call(refused, refused)).toEqual(err(refused));
    expect(await aws.call(refused, 'ok')).toEqual(ok('ok'));
    expect([aws.calls, aws.fetched]).toEqual([4, 2]);
  });

  it('is not made again when nobody can provide credentials', async () => {
    let calls = 0;
    const attempt = (): ResultAsync<string, Failure> => {
      calls += 1;
      return errAsync(refused);
    };
    const none: CredentialProvider = () => Promise.reject(new Error('none'));
    expect(await withFreshCredentials(attempt, none)).toEqual(err(refused));
    expect(calls).toBe(1);
  });

  it('is told how it failed otherwise, at once', async () => {
    const aws = new Aws();
    expect(await aws.call(down)).toEqual(err(down));
    expect([aws.calls, aws.fetched]).toEqual([1, 0]);
  });
});

describe('many calls that are refused at once', () => {
  it('let one of them try the fresh credentials, and hear what it hears', async () => {
    const aws = new Aws();
    expect(await aws.atOnce(50, refused, refused)).toEqual(all(50, err(refused)));
    expect([aws.calls, aws.fetched]).toEqual([51, 1]);
  });

  it('are all made again when the fresh ones are accepted', async () => {
    const aws = new Aws();
    expect(await aws.atOnce(50, refused, 'ok')).toEqual(all(50, ok('ok')));
    expect([aws.calls, aws.fetched]).toEqual([100, 1]);
  });

  it('are all made again when the trial fails by something else: that says nothing of the credentials', async () => {
    const aws = new Aws();
    expect(await aws.atOnce(2, refused, down)).toEqual(all(2, err(down)));
    expect([aws.calls, aws.fetched]).toEqual([4, 1]);
  });
});
