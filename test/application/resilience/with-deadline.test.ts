// Every call ends: by its answer, by its time-out or by its caller's leaving, whatever the called side does.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { err, errAsync, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import { pause } from '../../../src/domain/pause.js';
import { withDeadline, type Bounds } from '../../../src/application/resilience/with-deadline.js';
import type { Clock } from '../../../src/ports/clock.js';
import { ManualClock, settle } from '../../support/manual-clock.js';

type Failure = 'failed' | 'late' | 'left';

let clock: ManualClock;
let caller: AbortController;
beforeEach(() => {
  clock = new ManualClock();
  caller = new AbortController();
});
afterEach(() => {
  expect(clock.pending).toBe(0);
});

const run = (
  act: (signal: AbortSignal) => ResultAsync<string, Failure>,
  more: Partial<Bounds<string, Failure>> = {},
): Promise<Result<string, Failure>> =>
  withDeadline<string, Failure>(act, {
    clock,
    timeoutMs: 100,
    signal: caller.signal,
    onTimeout: 'late',
    onAbort: 'left',
    ...more,
  });

/** An act that answers only when its signal fires. */
const untilAborted = (signal: AbortSignal): ResultAsync<string, Failure> =>
  ResultAsync.fromSafePromise(
    new Promise<string>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve('answer');
      });
    }),
  );

/** An act that answers when told, and shows the signal it got. */
function open(): {
  act: (signal: AbortSignal) => ResultAsync<string, Failure>;
  answer: () => void;
  signal: () => AbortSignal;
} {
  let answer = (): void => undefined;
  let seen = new AbortController().signal;
  const answered = new Promise<string>((resolve) => {
    answer = () => {
      resolve('answer');
    };
  });
  return {
    act: (signal) => {
      seen = signal;
      return ResultAsync.fromSafePromise(answered);
    },
    answer: () => {
      answer();
    },
    signal: () => seen,
  };
}

describe('a bounded call', () => {
  it('ends with its answer', async () => {
    expect(await run(() => okAsync('answer'))).toEqual(ok('answer'));
  });

  it('ends with its own failure', async () => {
    expect(await run(() => errAsync('failed'))).toEqual(err('failed'));
  });

  it('ends with the answer that comes in the last millisecond', async () => {
    const { act, answer, signal } = open();
    const result = run(act);
    await clock.advance(99);
    answer();
    expect(await result).toEqual(ok('answer'));
    expect(signal().aborted).toBe(false);
  });

  it('ends at its time-out though the called side ignores the signal, which then fires', async () => {
    const { act, signal } = open();
    const result = run(act);
    await clock.advance(99);
    expect([clock.pending, signal().aborted]).toEqual([1, false]);
    await clock.advance(1);
    expect(await result).toEqual(err('late'));
    expect(signal().aborted).toBe(true);
  });

  it('ends when the caller leaves, though the called side ignores the signal, which then fires', async () => {
    const { act, signal } = open();
    const result = run(act);
    caller.abort();
    expect(await result).toEqual(err('left'));
    expect(signal().aborted).toBe(true);
  });

  it('ends as left, not as what the called side makes of its signal', async () => {
    const result = run((signal) => untilAborted(signal).andThen(() => errAsync<string, Failure>('failed')));
    caller.abort();
    expect(await result).toEqual(err('left'));
  });

  it('is not begun for a caller who has already left', async () => {
    const act = jest.fn(() => okAsync<string, Failure>('answer'));
    caller.abort();
    expect(await run(act)).toEqual(err('left'));
    expect(act).not.toHaveBeenCalled();
  });

  it('leaves no listener on the signal of a caller who goes on', async () => {
    const { signal } = caller;
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    await run(() => okAsync('answer'));
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed.mock.calls.map(([type, listener]) => [type, listener])).toEqual(
      added.mock.calls.map(([type, listener]) => [type, listener]),
    );
  });

  it('has ended once: leaving after the answer and after the time-out changes nothing', async () => {
    const { act, signal } = open();
    const answered = run(() => okAsync('answer'));
    const late = run(act);
    await clock.advance(100);
    caller.abort();
    expect([await answered, await late, signal().aborted]).toEqual([ok('answer'), err('late'), true]);
  });
});

describe('a clock that fires a timer although it was cancelled', () => {
  it('changes nothing about the answer', async () => {
    const unstoppable: Clock = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      idleMs: () => clock.idleMs(),
      random: () => clock.random(),
      schedule: (delayMs, fire) => {
        clock.schedule(delayMs, fire);
        return () => undefined;
      },
    };
    const signals: AbortSignal[] = [];
    const result = run(
      (signal) => {
        signals.push(signal);
        return okAsync('answer');
      },
      { clock: unstoppable },
    );
    await clock.advance(100);
    expect(await result).toEqual(ok('answer'));
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });
});

describe('an answer that comes too late', () => {
  it.each([
    ['after the time-out', () => clock.advance(100)],
    [
      'after the caller left',
      async () => {
        caller.abort();
        await settle();
      },
    ],
  ])('%s is handed over to be discarded', async (_, end) => {
    const { act, answer } = open();
    const discarded: string[] = [];
    const result = run(act, { discard: (late) => discarded.push(late) });
    await end();
    answer();
    await settle();
    expect((await result).isErr()).toBe(true);
    expect(discarded).toEqual(['answer']);
  });

  it('is never discarded when it was in time', async () => {
    const discard = jest.fn();
    await run(() => okAsync('answer'), { discard });
    await clock.advance(100);
    expect(discard).not.toHaveBeenCalled();
  });

  it('may be a failure, or come without a function to discard it', async () => {
    const discard = jest.fn();
    const failing = run((signal) => untilAborted(signal).andThen(() => errAsync<string, Failure>('failed')), {
      discard,
    });
    const forgotten = run((signal) => untilAborted(signal));
    await clock.advance(100);
    expect([await failing, await forgotten]).toEqual([err('late'), err('late')]);
    expect(discard).not.toHaveBeenCalled();
  });
});

describe('a bug in the called side', () => {
  it('comes out as a rejection that names it, and leaves no timer behind', async () => {
    const bug = new Error('a bug');
    const act = (): ResultAsync<string, Failure> => new ResultAsync(Promise.reject(bug));
    await expect(async () => await run(act)).rejects.toMatchObject({
      message: 'a bounded call threw',
      cause: bug,
    });
  });

  it('comes out the same way when it is thrown at once', async () => {
    const bug = new Error('a bug');
    const act = (): ResultAsync<string, Failure> => {
      throw bug;
    };
    await expect(async () => await run(act)).rejects.toMatchObject({
      message: 'a bounded call threw',
      cause: bug,
    });
  });

  it('after the end changes nothing', async () => {
    const result = run((signal) =>
      untilAborted(signal).map((): string => {
        throw new Error('a bug');
      }),
    );
    await clock.advance(100);
    expect(await result).toEqual(err('late'));
  });
});

describe('a process that was busy', () => {
  it('takes an answer that came during a stall', async () => {
    const clock = new ManualClock();
    let answer: (result: string) => void = () => undefined;
    const asked = withDeadline(
      () =>
        ResultAsync.fromSafePromise<string, string>(
          new Promise((resolve) => {
            answer = resolve;
          }),
        ),
      { clock, timeoutMs: 150, signal: new AbortController().signal, onTimeout: 'late', onAbort: 'aborted' },
    );
    clock.stall(400);
    clock.schedule(1, () => {
      answer('it was there');
    });
    await clock.advance(200);
    expect(await asked).toEqual(ok('it was there'));
    expect(clock.pending).toBe(0);
  });
});

describe('a pause', () => {
  it('ends after its time, and leaves no timer behind', async () => {
    let over = false;
    void pause(clock, 50, new AbortController().signal).then(() => (over = true));
    await clock.advance(49);
    expect(over).toBe(false);
    await clock.advance(1);
    expect([over, clock.pending]).toEqual([true, 0]);
  });

  it('ends when its signal fires, and leaves no timer behind', async () => {
    const waiting = pause(clock, 50, caller.signal);
    caller.abort();
    await waiting;
    expect(clock.pending).toBe(0);
  });

  it('does not begin when its signal has fired', async () => {
    await pause(clock, 50, AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });
});
