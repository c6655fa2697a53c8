// One answer from several regions: who is asked and when, who wins, and what becomes of the others.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import {
  hedgeLost,
  hedgedRace,
  type RaceResult,
  type RaceRules,
} from '../../../src/application/resilience/hedged-race.js';
import { afterVaultFailure, type VaultFailure } from '../../../src/domain/failures/region-failures.js';
import type { Region } from '../../../src/domain/ids.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { region } from '../../support/names.js';
import { vaultFailureKinds, vaultFailures, type VaultFailureKind } from '../../support/vault-failures.js';
import { manyRuns } from '../../support/tiers.js';

const names = ['eu-central-1', 'eu-west-1', 'eu-north-1'].map(region);
const [frankfurt, dublin, stockholm] = names;
const hedgeAfterMs = 100;

/** A call that the test ends when it likes; it ends by itself when its signal fires. */
class Call {
  signal = new AbortController().signal;
  begunAtMs: number | undefined;
  /** Whether it was begun because others are silent. */
  isHedge: boolean | undefined;
  answer: (value: string) => void = () => undefined;
  fail: (kind: VaultFailureKind) => void = () => undefined;
  crash: (bug: Error) => void = () => undefined;

  begin(atMs: number, signal: AbortSignal, isHedge: boolean): ResultAsync<string, VaultFailure> {
    this.begunAtMs = atMs;
    this.isHedge = isHedge;
    this.signal = signal;
    return new ResultAsync(
      new Promise<Result<string, VaultFailure>>((resolve, reject) => {
        this.answer = (value) => {
          resolve(ok(value));
        };
        this.fail = (kind) => {
          resolve(err(vaultFailures[kind]));
        };
        this.crash = reject;
        const leave = (): void => {
          this.fail('call.aborted');
        };
        signal.addEventListener('abort', leave);
        if (signal.aborted) leave();
      }),
    );
  }
}

let clock: ManualClock;
let caller: AbortController;
let calls: readonly [Call, Call, Call];
let discarded: string[];
let hedges: number;
let budget: number;
/** Whoever a hedge was asked for: when, and past which silent region. */
let asked: (readonly [number, Region])[];
beforeEach(() => {
  clock = new ManualClock();
  caller = new AbortController();
  calls = [new Call(), new Call(), new Call()];
  discarded = [];
  hedges = 0;
  budget = Infinity;
  asked = [];
});
afterEach(() => {
  expect(clock.pending).toBe(0);
});

/** A region, when it is hedged, and what a call to it does. */
interface Lane {
  readonly region: Region;
  readonly hedgeAfterMs: number;
  readonly run: (signal: AbortSignal, isHedge: boolean) => ResultAsync<string, VaultFailure>;
}

function raceOf(
  of: readonly Lane[],
  rules: Omit<RaceRules<string>, 'call' | 'hedgeAfterMs'>,
): Promise<RaceResult<string>> {
  const laneIn = (name: Region): Lane => {
    const lane = of.find((each) => each.region === name);
    if (lane === undefined) throw new Error(`there is no ${name}`);
    return lane;
  };
  return hedgedRace(
    of.map((lane) => lane.region),
    {
      ...rules,
      hedgeAfterMs: (name) => laneIn(name).hedgeAfterMs,
      call: (name, signal, isHedge) => laneIn(name).run(signal, isHedge),
    },
  );
}

const lanes = (count = 3): readonly Lane[] =>
  calls.slice(0, count).map((call, index) => ({
    region: names[index] ?? region('nowhere'),
    hedgeAfterMs,
    run: (signal, isHedge) => call.begin(clock.monotonicMs(), signal, isHedge),
  }));
const race = (of = lanes()): Promise<RaceResult<string>> =>
  raceOf(of, {
    clock,
    signal: caller.signal,
    after: afterVaultFailure,
    mayHedge: (silent) => {
      asked.push([clock.monotonicMs(), silent]);
      if (hedges >= budget) return false;
      hedges += 1;
      return true;
    },
    discard: (late) => discarded.push(late),
  });
const begun = (): readonly (number | undefined)[] => calls.map(({ begunAtMs }) => begunAtMs);
const attempt = (at: Region | undefined, kind: VaultFailureKind): unknown => ({
  region: at,
  failure: vaultFailures[kind],
});

describe('the first region', () => {
  it('is called at once and alone, and wins with its answer', async () => {
    const result = race();
    expect(begun()).toStrictEqual([0, undefined, undefined]);
    await clock.advance(hedgeAfterMs - 1);
    calls[0].answer('a');
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
    await clock.advance(10_000);
    expect([begun(), hedges]).toStrictEqual([[0, undefined, undefined], 0]);
  });

  it('that wins is not aborted', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs);
    calls[0].answer('a');
    await result;
    await settle();
    expect(calls[0].signal.aborted).toBe(false);
  });

  it.each(vaultFailureKinds.filter((kind) => afterVaultFailure(vaultFailures[kind]) === 'next-region'))(
    'that fails with %s is followed by the next one at once, and that is no hedge',
    async (kind) => {
      const result = race();
      await clock.advance(20);
      calls[0].fail(kind);
      await settle();
      expect(begun()).toStrictEqual([0, 20, undefined]);
      calls[1].answer('b');
      expect(await result).toStrictEqual(ok({ region: dublin, value: 'b' }));
      expect(hedges).toBe(0);
    },
  );

  it.each(vaultFailureKinds.filter((kind) => afterVaultFailure(vaultFailures[kind]) === 'stop'))(
    'that fails with %s ends the race: no other region is called',
    async (kind) => {
      const result = race();
      calls[0].fail(kind);
      expect(await result).toStrictEqual(err([attempt(frankfurt, kind)]));
      expect(begun()).toStrictEqual([0, undefined, undefined]);
    },
  );
});

describe('a region that does not answer', () => {
  it('is joined by the next one when its time is over, and not before', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs - 1);
    expect(begun()).toStrictEqual([0, undefined, undefined]);
    await clock.advance(1);
    expect(begun()).toStrictEqual([0, hedgeAfterMs, undefined]);
    calls[1].answer('b');
    expect(await result).toStrictEqual(ok({ region: dublin, value: 'b' }));
    expect(hedges).toBe(1);
  });

  it('is followed by a call marked as a hedge; a call that follows a failure is not', async () => {
    const result = race();
    calls[0].fail('region.unavailable');
    await settle();
    await clock.advance(hedgeAfterMs);
    calls[2].answer('c');
    await result;
    expect(calls.map(({ isHedge }) => isHedge)).toStrictEqual([false, false, true]);
  });

  it('is given its own time, whatever that of the others is', async () => {
    const [one, ...others] = lanes();
    const result = race([...(one ? [{ ...one, hedgeAfterMs: 7 }] : []), ...others]);
    await clock.advance(7 + hedgeAfterMs);
    expect(begun()).toStrictEqual([0, 7, 7 + hedgeAfterMs]);
    calls[2].answer('c');
    await result;
  });

  it('may still win after others were called', async () => {
    const result = race();
    await clock.advance(2 * hedgeAfterMs);
    calls[0].answer('a');
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
  });

  it('is the only one called when there is no budget, and the next begins only when it fails', async () => {
    budget = 0;
    const result = race();
    await clock.advance(700);
    expect(begun()).toStrictEqual([0, undefined, undefined]);
    calls[0].fail('region.unavailable');
    await settle();
    expect(begun()).toStrictEqual([0, 700, undefined]);
    calls[1].answer('b');
    expect((await result).isOk()).toBe(true);
  });

  it('costs budget only for the hedges that there were', async () => {
    budget = 1;
    const result = race();
    await clock.advance(10 * hedgeAfterMs);
    expect([begun(), hedges]).toStrictEqual([[0, hedgeAfterMs, undefined], 1]);
    calls[1].answer('b');
    await result;
  });

  it('that is the last one is not hedged, and uses no budget', async () => {
    const result = race(lanes(1));
    await clock.advance(10 * hedgeAfterMs);
    expect(hedges).toBe(0);
    calls[0].answer('a');
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
  });

  it('does not hold up the others: when the one that joined it fails, the next begins at once', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs);
    calls[1].fail('region.unavailable');
    await settle();
    expect(begun()).toStrictEqual([0, hedgeAfterMs, hedgeAfterMs]);
    calls[2].answer('c');
    expect(await result).toStrictEqual(ok({ region: stockholm, value: 'c' }));
    expect(hedges).toBe(1);
  });

  it('that fails at last leaves the one that joined it the rest of its time', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs + 10);
    calls[0].fail('region.unavailable');
    await settle();
    expect(begun()).toStrictEqual([0, hedgeAfterMs, undefined]);
    await clock.advance(hedgeAfterMs - 10);
    expect(begun()).toStrictEqual([0, hedgeAfterMs, 2 * hedgeAfterMs]);
    calls[2].answer('c');
    await result;
  });

  it('that fails leaves the last one to begin the rest of its time, though others had theirs', async () => {
    const four = [new Call(), new Call(), new Call(), new Call()];
    const result = race(
      four.map((call, index) => ({
        region: region(`r${index}`),
        hedgeAfterMs,
        run: (signal) => call.begin(clock.monotonicMs(), signal, false),
      })),
    );
    await clock.advance(2 * hedgeAfterMs + 10);
    four[0]?.fail('region.unavailable');
    await settle();
    const begunAt = (): unknown => four.map(({ begunAtMs }) => begunAtMs);
    expect(begunAt()).toStrictEqual([0, hedgeAfterMs, 2 * hedgeAfterMs, undefined]);
    await clock.advance(hedgeAfterMs - 10);
    expect(begunAt()).toStrictEqual([0, hedgeAfterMs, 2 * hedgeAfterMs, 3 * hedgeAfterMs]);
    four[3]?.answer('d');
    await result;
  });
});

describe('a hedge', () => {
  it('is requested with the region that does not answer', async () => {
    const result = race();
    await clock.advance(2 * hedgeAfterMs);
    expect(asked).toStrictEqual([
      [hedgeAfterMs, frankfurt],
      [2 * hedgeAfterMs, dublin],
    ]);
    calls[2].answer('c');
    await result;
  });

  it('that is denied is requested again every 20 ms, until it is allowed', async () => {
    budget = 0;
    const result = race();
    await clock.advance(hedgeAfterMs + 50);
    expect(asked).toStrictEqual([0, 20, 40].map((ms) => [hedgeAfterMs + ms, frankfurt]));
    budget = 1;
    await clock.advance(9);
    expect(begun()).toStrictEqual([0, undefined, undefined]);
    await clock.advance(1);
    expect(begun()).toStrictEqual([0, hedgeAfterMs + 60, undefined]);
    await clock.advance(hedgeAfterMs - 1);
    expect(asked).toHaveLength(4);
    calls[1].answer('b');
    expect(await result).toStrictEqual(ok({ region: dublin, value: 'b' }));
  });

  it('that is denied is not requested again when the race is over, and leaves no timer', async () => {
    budget = 0;
    const result = race();
    await clock.advance(hedgeAfterMs + 30);
    calls[0].answer('a');
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
    expect(clock.pending).toBe(0);
    await clock.advance(10_000);
    expect(asked).toHaveLength(2);
  });

  it('that is denied is not requested again past a region that failed', async () => {
    budget = 0;
    const result = race();
    await clock.advance(hedgeAfterMs + 30);
    calls[0].fail('region.unavailable');
    await clock.advance(hedgeAfterMs - 1);
    expect(asked.map(([, silent]) => silent)).toStrictEqual([frankfurt, frankfurt]);
    await clock.advance(41);
    expect(asked.slice(2).map(([, silent]) => silent)).toStrictEqual([dublin, dublin, dublin]);
    calls[1].answer('b');
    expect(await result).toStrictEqual(ok({ region: dublin, value: 'b' }));
  });

  it('that is denied is not requested again by a caller who left', async () => {
    budget = 0;
    const result = race();
    await clock.advance(hedgeAfterMs);
    caller.abort();
    expect(await result).toStrictEqual(err([attempt(frankfurt, 'call.aborted')]));
    expect(clock.pending).toBe(0);
  });

  it('that is denied is not requested again when no candidate is left', async () => {
    budget = 0;
    const result = race(lanes(2));
    await clock.advance(hedgeAfterMs);
    budget = 1;
    await clock.advance(10 * hedgeAfterMs);
    expect([begun(), asked.length]).toStrictEqual([[0, hedgeAfterMs + 20, undefined], 2]);
    expect(clock.pending).toBe(0);
    calls[0].answer('a');
    await result;
  });
});

describe('a loser', () => {
  it('that had its time is aborted as a lost hedge, and one that had not is aborted without a reason', async () => {
    const result = race();
    await clock.advance(2 * hedgeAfterMs);
    await clock.advance(10);
    calls[1].answer('b');
    await result;
    const reasons = calls.map(({ signal }) => signal.aborted && signal.reason === hedgeLost);
    expect(calls.map(({ signal }) => signal.aborted)).toStrictEqual([true, false, true]);
    expect(reasons).toStrictEqual([true, false, false]);
  });

  it('that had its time without budget for a hedge counts as a lost hedge, too', async () => {
    budget = 1;
    const result = race();
    await clock.advance(3 * hedgeAfterMs);
    calls[0].answer('a');
    await result;
    expect(calls[1].signal.reason).toBe(hedgeLost);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'that answers %d turns after the winner has its answer thrown away once',
    async (turns) => {
      const result = race();
      await clock.advance(hedgeAfterMs);
      calls[0].answer('a');
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const heard = !calls[1].signal.aborted;
      calls[1].answer('b');
      expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
      await settle();
      expect(discarded).toStrictEqual(heard ? ['b'] : []);
    },
  );

  it('that ignores its signal starts no other call, and leaves no timer', async () => {
    const deaf = lanes().map((lane, index) => ({
      ...lane,
      run: (signal: AbortSignal) => lane.run(index === 1 ? new AbortController().signal : signal, false),
    }));
    const result = race(deaf);
    await clock.advance(hedgeAfterMs);
    calls[0].answer('a');
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
    expect(clock.pending).toBe(0);
    await clock.advance(10 * hedgeAfterMs);
    expect(begun()).toStrictEqual([0, hedgeAfterMs, undefined]);
  });

  it('may answer without a function to discard its answer', async () => {
    const { signal } = caller;
    const result = raceOf(lanes(), { clock, signal, after: afterVaultFailure, mayHedge: () => true });
    await clock.advance(hedgeAfterMs);
    calls[0].answer('a');
    calls[1].answer('b');
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
  });
});

describe('when no region answers', () => {
  it('the attempts are in the order in which they ended', async () => {
    const result = race();
    await clock.advance(2 * hedgeAfterMs);
    calls[2].fail('region.throttled');
    await settle();
    calls[0].fail('region.unavailable');
    await settle();
    calls[1].fail('ciphertext.rejected');
    expect(await result).toStrictEqual(
      err([
        attempt(stockholm, 'region.throttled'),
        attempt(frankfurt, 'region.unavailable'),
        attempt(dublin, 'ciphertext.rejected'),
      ]),
    );
  });

  it('because there is none to ask, there are no attempts', async () => {
    expect(await race([])).toStrictEqual(err([]));
  });

  it('because one says that none will, the others are aborted at once', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs);
    calls[1].fail('vault.request-invalid');
    expect(await result).toStrictEqual(err([attempt(dublin, 'vault.request-invalid')]));
    expect([begun(), calls[0].signal.aborted]).toStrictEqual([[0, hedgeAfterMs, undefined], true]);
  });
});

describe('a caller who leaves', () => {
  it('ends every call as call.aborted, and none as a lost hedge', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs + 1);
    caller.abort();
    expect(await result).toStrictEqual(err([attempt(frankfurt, 'call.aborted')]));
    const { signal: one } = calls[0];
    const { signal: two } = calls[1];
    expect([one, two].map(({ aborted, reason }) => aborted && reason !== hedgeLost)).toStrictEqual([
      true,
      true,
    ]);
    expect(begun()).toStrictEqual([0, hedgeAfterMs, undefined]);
    expect(clock.pending).toBe(0);
  });

  it('gets the attempts until then as well', async () => {
    const result = race();
    calls[0].fail('region.unavailable');
    await settle();
    caller.abort();
    expect(await result).toStrictEqual(
      err([attempt(frankfurt, 'region.unavailable'), attempt(dublin, 'call.aborted')]),
    );
  });

  it('in the moment in which a region fails starts no useless call', async () => {
    const result = race();
    calls[0].fail('region.unavailable');
    caller.abort();
    expect(await result).toStrictEqual(
      err([attempt(frankfurt, 'region.unavailable'), attempt(dublin, 'call.aborted')]),
    );
    expect(calls[1].signal.aborted).toBe(true);
  });

  it('before the beginning has the first call begun with a signal that has fired', async () => {
    caller.abort();
    expect(await race()).toStrictEqual(err([attempt(frankfurt, 'call.aborted')]));
    expect(calls.map(({ signal }) => signal.aborted)).toStrictEqual([true, false, false]);
  });

  it('leaves no listener behind, nor does one who stays', async () => {
    const { signal } = caller;
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const result = race();
    calls[0].answer('a');
    await result;
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed.mock.calls.map(([type, listener]) => [type, listener])).toStrictEqual(
      added.mock.calls.map(([type, listener]) => [type, listener]),
    );
  });

  it('after the answer changes nothing', async () => {
    const result = race();
    calls[0].answer('a');
    await result;
    caller.abort();
    expect(calls[0].signal.aborted).toBe(false);
  });
});

describe('a bug in one call', () => {
  const bug = new Error('a bug');

  it('comes out as a rejection when it is in the choice of the second round', async () => {
    const rules = {
      clock,
      signal: caller.signal,
      mayHedge: () => false,
      after: afterVaultFailure,
      nextRound: () => Promise.reject(bug),
    };
    const result = raceOf(lanes(1), rules);
    calls[0].fail('region.throttled');
    await expect(result).rejects.toBe(bug);
  });

  it('comes out as a rejection, and the others are aborted', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs);
    calls[1].crash(bug);
    await expect(result).rejects.toBe(bug);
    expect(calls[0].signal.aborted).toBe(true);
  });

  it('has what the others answer meanwhile thrown away', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs);
    calls[1].crash(bug);
    calls[0].answer('a');
    await expect(result).rejects.toBe(bug);
    await settle();
    expect(discarded).toStrictEqual(['a']);
  });

  it('comes out as a rejection when it is thrown at once, in whichever call', async () => {
    const broken: Lane = {
      region: region('nowhere'),
      hedgeAfterMs,
      run: () => {
        throw bug;
      },
    };
    await expect(race([broken])).rejects.toBe(bug);
    const [one] = lanes();
    const failing = race([...(one ? [one] : []), broken]);
    calls[0].fail('region.unavailable');
    await expect(failing).rejects.toBe(bug);
    const hedging = race([...(one ? [one] : []), broken]);
    hedging.catch(() => undefined);
    await clock.advance(hedgeAfterMs);
    await expect(hedging).rejects.toBe(bug);
    expect(calls[0].signal.aborted).toBe(true);
  });

  it('after the end changes nothing', async () => {
    const result = race();
    await clock.advance(hedgeAfterMs);
    calls[0].answer('a');
    calls[1].crash(bug);
    expect(await result).toStrictEqual(ok({ region: frankfurt, value: 'a' }));
    await settle();
  });
});

describe('whatever the regions do', () => {
  const ends = [
    'answer',
    'answer',
    'silence',
    'region.unavailable',
    'ciphertext.mismatched',
    'vault.request-invalid',
    'bug',
  ] as const;
  const behaviour = fc.record({
    hedgeAfterMs: fc.integer({ min: 0, max: 6 }),
    endsAfterMs: fc.integer({ min: 0, max: 12 }),
    /** How many turns its end takes to arrive. */
    turns: fc.integer({ min: 0, max: 8 }),
    end: fc.constantFrom(...ends),
  });

  it('there is one result, no more calls than regions, no timer left, and every answer won or was thrown away', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(behaviour, { maxLength: 5 }),
        fc.integer({ min: 0, max: 3 }),
        fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
        async (behaviours, allowed, leavesAtMs) => {
          const world = new ManualClock();
          const moments = new Moments(world);
          const leaver = new AbortController();
          const answered: string[] = [];
          const thrownAway: string[] = [];
          let spent = 0;
          let began = 0;
          let settled = 0;
          const all = behaviours.map((each, index): Lane => ({
            region: region(`r${index}`),
            hedgeAfterMs: each.hedgeAfterMs,
            run: (signal) => {
              began += 1;
              return new ResultAsync(
                new Promise((resolve, reject) => {
                  const end = async (): Promise<void> => {
                    signal.removeEventListener('abort', leave);
                    for (let turn = 0; turn < each.turns; turn += 1) await Promise.resolve();
                    if (each.end === 'answer') answered.push(`r${index}`);
                    if (each.end === 'answer') resolve(ok(`r${index}`));
                    else if (each.end === 'bug') reject(new Error('a bug'));
                    else if (each.end !== 'silence') resolve(err(vaultFailures[each.end]));
                  };
                  const cancel = each.end === 'silence' ? undefined : moments.at(each.endsAfterMs, end);
                  const leave = (): void => {
                    cancel?.();
                    resolve(err(vaultFailures['call.aborted']));
                  };
                  signal.addEventListener('abort', leave);
                  if (signal.aborted) leave();
                }),
              );
            },
          }));
          const rules = {
            clock: world,
            signal: leaver.signal,
            after: afterVaultFailure,
            mayHedge: () => (spent += 1) <= allowed,
            discard: (late: string) => thrownAway.push(late),
          };
          const won: string[] = [];
          const result = raceOf(all, rules).then(
            (end) => {
              settled += 1;
              end.map(({ value }) => won.push(value));
            },
            () => (settled += 1),
          );
          const stays = moments.at(leavesAtMs ?? 200, () => {
            leaver.abort();
          });
          await world.advance(100);
          const silent = behaviours.some(({ end }) => end === 'silence');
          if (settled === 0) {
            expect([silent, leavesAtMs]).toStrictEqual([true, undefined]);
            leaver.abort();
          }
          stays();
          await result;
          await settle();
          expect(settled).toBe(1);
          expect(began).toBeLessThanOrEqual(behaviours.length);
          expect(world.pending).toBe(0);
          expect(won.length).toBeLessThanOrEqual(1);
          expect([...won, ...thrownAway].sort()).toStrictEqual([...answered].sort());
        },
      ),
      { numRuns: manyRuns(2_000) },
    );
  });
});

/** Acts of the same moment happen together, before any of their consequences. */
class Moments {
  readonly #acts = new Map<number, Set<() => unknown>>();
  readonly #cancels = new Map<number, () => void>();

  constructor(private readonly clock: ManualClock) {}

  at(delayMs: number, act: () => unknown): () => void {
    const atMs = this.clock.monotonicMs() + delayMs;
    const acts = this.#acts.get(atMs) ?? new Set();
    acts.add(act);
    this.#acts.set(atMs, acts);
    if (acts.size === 1)
      this.#cancels.set(
        atMs,
        this.clock.schedule(delayMs, () => {
          this.#happen(atMs, acts);
        }),
      );
    return () => {
      acts.delete(act);
      if (acts.size === 0) this.#cancels.get(atMs)?.();
    };
  }

  #happen(atMs: number, acts: ReadonlySet<() => unknown>): void {
    this.#acts.delete(atMs);
    for (const act of acts) act();
  }
}

describe('a process that was busy', () => {
  it('hedges no earlier: the time of the stall does not count', async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    let answer: () => void = () => undefined;
    const lane = (name: string): Lane => ({
      region: region(name),
      hedgeAfterMs: 30,
      run: () => {
        asked.push(name);
        return ResultAsync.fromSafePromise(
          new Promise((resolve) => {
            answer = () => {
              resolve(name);
            };
          }),
        );
      },
    });
    const signal = new AbortController().signal;
    const rules = { clock, signal, mayHedge: () => true, after: afterVaultFailure };
    const race = raceOf([lane('first'), lane('second')], rules);
    clock.stall(100);
    clock.schedule(1, () => {
      answer();
    });
    await clock.advance(1_000);
    expect((await race).map(({ value }) => value)).toEqual(ok('first'));
    expect(asked).toEqual(['first']);
  });
});
