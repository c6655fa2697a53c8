// One store in several regions: who is read and written when regions fail, and that nothing is claimed that was not seen.
import { afterEach, describe, expect, it, test } from '@jest/globals';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Commitment } from '../../../src/domain/keys/data-key.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { newKeyRecord, withCiphertexts, type KeyRecord } from '../../../src/domain/keys/key-record.js';
import { encodeRecord } from '../../../src/domain/keys/record-format.js';
import type { RegionalCiphertext } from '../../../src/domain/keys/regional-ciphertext.js';
import { keyRepositoryContract } from '../../contracts/key-repository-contract.js';
import { settle } from '../../support/manual-clock.js';
import { deployment, keyId, region } from '../../support/names.js';
import {
  attemptTimeoutMs,
  east,
  hedgeAfterMs,
  ohio,
  ReplicatedStore,
  storeRegions,
  west,
  writeTimeoutMs,
  type Act,
} from '../../support/replicated-store.js';

const home = { kind: 'home', home: east } as const;
const strong = { kind: 'strong' } as const;

let made: ReplicatedStore[] = [];
const storeOf = (mode: typeof home | typeof strong): ReplicatedStore => {
  const store = new ReplicatedStore(mode);
  made.push(store);
  return store;
};
afterEach(() => {
  for (const { clock } of made) expect(clock.pending).toBe(0);
  made = [];
});

const id = keyId('orders/7');
const ciphertext = (byte: number, at = 'eu-west-1'): RegionalCiphertext => ({
  region: region(at),
  kmsKey: `arn:${at}`,
  bytes: Uint8Array.of(byte),
});
const recordOf = (letter: string): KeyRecord =>
  newKeyRecord({ id, version: firstVersion, commitment: letter.repeat(43) as Commitment, createdAtMs: 7 }, [
    ciphertext(1),
  ]);
const ours = recordOf('o');
const theirs = recordOf('t');
const added = [{ ...ciphertext(2, 'ap-south-1'), bytes: Uint8Array.of(2, 3) }];
const next = withCiphertexts(ours, added);
const genesis = { deployment: deployment('test'), createdAtMs: 5 };
/** After this time (ms) whoever called no longer waits, as the time limit of a store call as a whole has it. */
const deadlineMs = 10_500;
let caller = new AbortController();
const patience = (): AbortSignal => caller.signal;

/** Lets virtual time pass until the call ends, and says when that was. */
async function ended<T, F>(
  store: ReplicatedStore,
  call: ResultAsync<T, F>,
): Promise<readonly [number, Result<T, F>]> {
  let end: readonly [number, Result<T, F>] | undefined;
  void call.then((result) => (end = [store.clock.monotonicMs(), result]));
  await settle();
  const startMs = store.clock.monotonicMs();
  for (let steps = 0; end === undefined && steps < 1_100; steps += 1) {
    await store.clock.advance(10);
    if (store.clock.monotonicMs() - startMs >= deadlineMs) caller.abort();
  }
  caller = new AbortController();
  if (end === undefined) throw new Error('the call does not end');
  return end;
}
const resultOf = async <T, F>(store: ReplicatedStore, call: ResultAsync<T, F>): Promise<Result<T, F>> =>
  (await ended(store, call))[1];
const asked = (store: ReplicatedStore): readonly string[] =>
  store.calls.map(([, at, method]) => `${at} ${method}`);
/** Puts a record where nobody sees it being put. */
const put = (
  store: ReplicatedStore,
  record: KeyRecord,
  at = storeRegions as readonly (typeof east)[],
): void => {
  for (const name of at) store.replica(name).inner.rows.set('orders/7 1', encodeRecord(record));
};
const stored = (store: ReplicatedStore, at = east): unknown => store.replica(at).inner.rows.get('orders/7 1');

describe('the contract of a store', () => {
  describe('in the mode strong', () => {
    for (const { name, run } of keyRepositoryContract(() =>
      Promise.resolve({ subject: storeOf(strong).repository }),
    )) {
      test(name, run);
    }
  });
  describe('in the mode home, with replicas that never catch up', () => {
    for (const { name, run } of keyRepositoryContract(() =>
      Promise.resolve({ subject: storeOf(home).repository }),
    )) {
      test(name, run);
    }
  });
});

/** Failures after which another region is asked, and what they are called when no region is left. */
const passing = [
  ['refused', 'store.unavailable'],
  ['throttled', 'store.throttled'],
  ['misconfigured', 'store.misconfigured'],
  ['no-credentials', 'credentials.invalid'],
] as const satisfies readonly (readonly [Act, string])[];
const passingActs = passing.map(([act]) => act);

describe('a read in the mode strong', () => {
  const find = (store: ReplicatedStore) => store.repository.find(id, firstVersion, patience());

  it.each(passingActs)('goes on to the next region at once when one is "%s"', async (act) => {
    const store = storeOf(strong);
    put(store, ours);
    store.all(act, act, 'answer');
    expect(await ended(store, find(store))).toEqual([0, ok(ours)]);
    expect(asked(store)).toEqual([`${east} find`, `${ohio} find`, `${west} find`]);
  });

  it('believes any region that a record is not there', async () => {
    const store = storeOf(strong);
    store.all('refused');
    expect(await resultOf(store, find(store))).toEqual(ok(undefined));
    expect(asked(store)).toEqual([`${east} find`, `${ohio} find`]);
  });

  it.each(passing)('with every region "%s" ends with %s', async (act, kind) => {
    const store = storeOf(strong);
    store.all(act, act, act);
    expect(await resultOf(store, find(store))).toMatchObject({ error: { kind } });
  });

  it('with regions that fail in different ways is store.unavailable, and the log has them all', async () => {
    const store = storeOf(strong);
    store.all('throttled', 'misconfigured', 'refused');
    const cause = `${east}: store.throttled, ${ohio}: store.misconfigured, ${west}: store.unavailable`;
    expect(await resultOf(store, find(store))).toEqual(err({ kind: 'store.unavailable', cause }));
  });

  it('of a record that no build can read asks no other region, for it is the same there', async () => {
    const store = storeOf(strong);
    store.all('unreadable');
    expect(await resultOf(store, find(store))).toMatchObject({ error: { kind: 'key.unreadable' } });
    expect(asked(store)).toEqual([`${east} find`]);
    expect(store.guide.reports).toEqual([{ region: east, durationMs: 0 }]);
  });

  it('calls a second region when the first does not answer for longer than usual', async () => {
    const store = storeOf(strong);
    put(store, ours);
    store.all('silent');
    expect(await ended(store, find(store))).toEqual([hedgeAfterMs, ok(ours)]);
    expect(store.guide.reports).toEqual([
      { region: ohio, durationMs: 0 },
      {
        region: east,
        durationMs: hedgeAfterMs,
        failure: { kind: 'region.unavailable', reason: 'hedge-lost' },
      },
    ]);
  });

  it('calls a second region when the first is known to be down, without using a hedge', async () => {
    const store = storeOf(strong);
    put(store, ours);
    for (let spent = 0; spent < 12; spent += 1) {
      store.all('silent');
      await ended(store, find(store));
    }
    store.guide.ejected.add(east);
    store.all('silent');
    const startMs = store.clock.monotonicMs();
    expect((await ended(store, find(store)))[0] - startMs).toBe(hedgeAfterMs);
  });

  it('reports every region that is overdue, and waits for all of them until the deadline', async () => {
    const store = storeOf(strong);
    store.all('silent', 'silent', 'silent');
    const [endMs, result] = await ended(store, find(store));
    expect([endMs, result]).toEqual([deadlineMs, err({ kind: 'call.aborted' })]);
    expect(store.guide.reports.map(({ failure }) => failure)).toEqual(
      storeRegions.map(() => ({ kind: 'region.unavailable', reason: 'timed-out' })),
    );
  });

  it('ends with call.aborted when the result is no longer needed, which is no fault of the region', async () => {
    const store = storeOf(strong);
    store.all('silent');
    const caller = new AbortController();
    const call = store.repository.find(id, firstVersion, caller.signal);
    await settle();
    caller.abort();
    expect(await call).toEqual(err({ kind: 'call.aborted' }));
    expect(store.guide.reports).toEqual([{ region: east, durationMs: 0, failure: { kind: 'call.aborted' } }]);
  });

  it('follows the order of the selector', async () => {
    const store = storeOf(strong);
    store.guide.regions = [west, east, ohio];
    await find(store);
    expect(asked(store)).toEqual([`${west} find`]);
  });

  it('reports every call to telemetry', async () => {
    const store = storeOf(strong);
    store.all('throttled');
    await store.repository.genesis(patience());
    expect(store.telemetry.events).toEqual([
      {
        event: 'store.call',
        region: east,
        operation: 'genesis',
        durationMs: 0,
        failure: { kind: 'store.throttled' },
      },
      { event: 'store.call', region: ohio, operation: 'genesis', durationMs: 0 },
    ]);
  });

  it('with a bug rejects, and its end is reported', async () => {
    const store = storeOf(strong);
    store.all('throw');
    await expect(find(store)).rejects.toThrow();
    expect([store.guide.begun, store.guide.reports]).toEqual([
      [east],
      [{ region: east, durationMs: 0, failure: { kind: 'vault.request-invalid' } }],
    ]);
  });
});

describe('a read in the mode home', () => {
  const find = (store: ReplicatedStore) => store.repository.find(id, firstVersion, patience());

  it('asks the home region first, wherever it is in the order', async () => {
    const store = storeOf(home);
    store.guide.regions = [west, ohio, east];
    expect(await resultOf(store, find(store))).toEqual(ok(undefined));
    expect(asked(store)).toEqual([`${east} find`]);
  });

  it('asks the others first while the home region is known to be down', async () => {
    const store = storeOf(home);
    put(store, ours, [ohio]);
    store.guide.ejected.add(east);
    store.guide.regions = [ohio, west, east];
    expect(await resultOf(store, find(store))).toEqual(ok(ours));
    expect(asked(store)).toEqual([`${ohio} find`]);
  });

  it.each(passingActs)(
    'is answered by a replica that has the record while the home region is "%s"',
    async (act) => {
      const store = storeOf(home);
      put(store, ours, [west]);
      store.all(act);
      expect(await resultOf(store, find(store))).toEqual(ok(ours));
      expect(asked(store)).toEqual([`${east} find`, `${ohio} find`, `${west} find`]);
    },
  );

  it('uses the late answer of an overdue region when the others have failed', async () => {
    const store = storeOf(strong);
    put(store, ours);
    store.replica(east).script.push('late');
    store.replica(ohio).script.push('refused');
    store.replica(west).script.push('refused');
    const call = find(store);
    await store.clock.advance(hedgeAfterMs + 4 * attemptTimeoutMs);
    store.replica(east).release();
    expect(await call).toEqual(ok(ours));
  });

  it.each<Act>(['refused', 'throttled', 'misconfigured', 'no-credentials'])(
    'of a record that no replica has is store.unavailable while the home region is "%s", and never undefined (I7)',
    async (act) => {
      const store = storeOf(home);
      store.all(act);
      expect(await resultOf(store, find(store))).toMatchObject({ error: { kind: 'store.unavailable' } });
      store.guide.ejected.add(east);
      store.guide.regions = [ohio, west, east];
      expect(await resultOf(store, find(store))).toMatchObject({ error: { kind: 'store.unavailable' } });
    },
  );

  it('waits for a slow home region when the replicas do not have the record', async () => {
    const store = storeOf(home);
    store.all('silent');
    const [endMs, result] = await ended(store, find(store));
    expect([endMs, result]).toEqual([deadlineMs, err({ kind: 'call.aborted' })]);
  });

  it('of the genesis record is answered by a replica that has it, and by no replica that has none', async () => {
    const store = storeOf(home);
    store.all('refused');
    expect(await resultOf(store, store.repository.genesis(patience()))).toMatchObject({
      error: { kind: 'store.unavailable' },
    });
    await store.replica(west).inner.initialise(genesis, patience());
    expect(await resultOf(store, store.repository.genesis(patience()))).toEqual(ok(genesis));
  });
});

describe('a write in the mode strong', () => {
  const insert = (store: ReplicatedStore) => store.repository.insert(ours, patience());

  it.each<Act>(['refused', 'lost', 'vanished', 'throttled', 'misconfigured', 'no-credentials'])(
    'goes on to the next region with the same record when one is "%s", and answers what is there',
    async (act) => {
      const store = storeOf(strong);
      store.all(act);
      expect(await resultOf(store, insert(store))).toEqual(ok(ours));
      expect(asked(store)).toEqual([`${east} insert`, `${ohio} insert`]);
      expect(stored(store)).toEqual(encodeRecord(ours));
    },
  );

  it.each<Act>(['refused', 'lost', 'vanished', 'silent', 'done-silently', 'throttled'])(
    'learns the winner from the next region when one is "%s", though its own write may have been first',
    async (act) => {
      const store = storeOf(strong);
      put(store, theirs);
      store.all(act);
      expect(await resultOf(store, insert(store))).toEqual(ok(theirs));
    },
  );

  it.each<Act>(['silent', 'done-silently'])(
    'gives a region that is "%s" its time, and then goes on',
    async (act) => {
      const store = storeOf(strong);
      store.all(act);
      expect(await ended(store, insert(store))).toEqual([writeTimeoutMs, ok(ours)]);
    },
  );

  it.each<readonly [string, readonly [Act, Act, Act], string]>([
    ['all are of unknown outcome', ['refused', 'refused', 'refused'], 'store.outcome-unknown'],
    [
      'one is of unknown outcome and the others refuse',
      ['lost', 'throttled', 'throttled'],
      'store.outcome-unknown',
    ],
    ['the last is of unknown outcome', ['throttled', 'throttled', 'vanished'], 'store.outcome-unknown'],
    ['the middle one is silent', ['misconfigured', 'silent', 'throttled'], 'store.outcome-unknown'],
    ['all throttle', ['throttled', 'throttled', 'throttled'], 'store.throttled'],
    ['all are misconfigured', ['misconfigured', 'misconfigured', 'misconfigured'], 'store.misconfigured'],
    [
      'all refuse our credentials',
      ['no-credentials', 'no-credentials', 'no-credentials'],
      'credentials.invalid',
    ],
    [
      'all refuse clearly, each for a reason of its own',
      ['throttled', 'misconfigured', 'conflict'],
      'store.unavailable',
    ],
    ['all conflict', ['conflict', 'conflict', 'conflict'], 'store.conflicted'],
  ])('is neither done nor undone where that is not known: %s (I8)', async (_, acts, kind) => {
    const store = storeOf(strong);
    store.all(...acts);
    expect(await resultOf(store, insert(store))).toMatchObject({ error: { kind } });
  });

  it('onto a record that no build can read stops at once', async () => {
    const store = storeOf(strong);
    store.all('vanished', 'unreadable');
    expect(await resultOf(store, insert(store))).toMatchObject({ error: { kind: 'key.unreadable' } });
    expect(asked(store)).toEqual([`${east} insert`, `${ohio} insert`]);
  });

  it.each([1, 2, 3])(
    'that meets %i conflicts is tried again in the same region, each time after a pause',
    async (count) => {
      const store = storeOf(strong);
      store.replica(east).script.push(...Array.from({ length: count }, (): Act => 'conflict'));
      const [endMs, result] = await ended(store, insert(store));
      expect(result).toEqual(ok(ours));
      expect(asked(store)).toEqual(Array.from({ length: count + 1 }, () => `${east} insert`));
      const gaps = store.calls.slice(1).map(([atMs], index) => atMs - (store.calls[index]?.[0] ?? 0));
      expect(gaps.every((gap, index) => gap > 0 && gap <= Math.min(100, 20 * 2 ** index))).toBe(true);
      expect(endMs).toBeGreaterThan(0);
    },
  );

  it('that meets a fourth conflict goes on to the next region', async () => {
    const store = storeOf(strong);
    store.all('conflict');
    expect(await resultOf(store, insert(store))).toEqual(ok(ours));
    expect(asked(store)).toEqual([...Array.from({ length: 4 }, () => `${east} insert`), `${ohio} insert`]);
    expect(store.guide.reports.every(({ failure }) => failure === undefined)).toBe(true);
  });

  it.each<Act>(['silent', 'conflict'])(
    'ends with an unknown outcome when no caller waits any more, and asks no other region ("%s")',
    async (act) => {
      const store = storeOf(strong);
      store.all(act);
      const caller = new AbortController();
      const call = store.repository.insert(ours, caller.signal);
      await settle();
      caller.abort();
      const result = await call;
      const kinds = { silent: 'store.outcome-unknown', conflict: 'store.outcome-unknown' };
      expect(result).toMatchObject({ error: { kind: kinds[act as keyof typeof kinds] } });
      expect(asked(store)).toEqual([`${east} insert`]);
    },
  );

  it('calls no region when the signal has already fired', async () => {
    const store = storeOf(strong);
    expect(await store.repository.insert(ours, AbortSignal.abort())).toMatchObject({
      error: { kind: 'store.outcome-unknown' },
    });
    expect([store.calls, store.guide.begun]).toEqual([[], []]);
  });

  it('is not counted to how long a region usually takes', async () => {
    const store = storeOf(strong);
    await insert(store);
    expect(store.guide.reports).toEqual([{ region: east, durationMs: NaN }]);
  });

  it('makes the genesis record once, in whichever region works', async () => {
    const store = storeOf(strong);
    store.all('lost');
    expect(await resultOf(store, store.repository.initialise(genesis, patience()))).toEqual(ok(genesis));
    const later = { ...genesis, createdAtMs: 9 };
    expect(await resultOf(store, store.repository.initialise(later, patience()))).toEqual(ok(genesis));
  });
});

describe('a write in the mode home', () => {
  it.each([
    ['insert', (store: ReplicatedStore) => store.repository.insert(ours, patience())],
    ['addCiphertexts', (store: ReplicatedStore) => store.repository.addCiphertexts(ours, added, patience())],
    ['initialise', (store: ReplicatedStore) => store.repository.initialise(genesis, patience())],
  ] as const)('(%s) goes to the home region only, even when that is down', async (method, write) => {
    for (const act of ['throttled', 'refused', 'silent'] as const) {
      const store = storeOf(home);
      store.guide.ejected.add(east);
      store.guide.regions = [ohio, west, east];
      store.all(act);
      const kind = act === 'throttled' ? 'store.throttled' : 'store.outcome-unknown';
      expect(await resultOf<unknown, object>(store, write(store))).toMatchObject({ error: { kind } });
      const writes = asked(store).filter((call) => call.endsWith(method));
      expect([writes, store.replica(ohio).inner.rows.size]).toEqual([[`${east} ${method}`], 0]);
    }
  });

  it('is settled by the home region, not by a replica that may be behind', async () => {
    const store = storeOf(home);
    put(store, ours);
    store.replica(east).script.push('lost');
    expect(await resultOf(store, store.repository.addCiphertexts(ours, added, patience()))).toEqual(ok(next));
    expect(asked(store)).toEqual([`${east} addCiphertexts`, `${east} find`]);
  });
});

describe('an addition of unknown outcome in the mode strong', () => {
  const add = (store: ReplicatedStore) => store.repository.addCiphertexts(ours, added, patience());
  const begin = (...acts: readonly Act[]): ReplicatedStore => {
    const store = storeOf(strong);
    put(store, ours);
    store.all(...acts);
    return store;
  };

  it('that did not happen is made in the next region', async () => {
    const store = begin('vanished');
    expect(await resultOf(store, add(store))).toEqual(ok(next));
    expect(asked(store)).toEqual([`${east} addCiphertexts`, `${ohio} addCiphertexts`]);
  });

  it.each<Act>(['lost', 'done-silently'])(
    'that did happen ("%s") is seen in the record, and not called stale',
    async (act) => {
      const store = begin();
      store.replica(east).script.push(act);
      expect(await resultOf(store, add(store))).toEqual(ok(next));
      expect(asked(store)).toEqual([`${east} addCiphertexts`, `${ohio} addCiphertexts`, `${east} find`]);
    },
  );

  it('after which another process added more is answered with the current record', async () => {
    const store = begin();
    store.replica(east).script.push('vanished');
    const more = withCiphertexts(next, [ciphertext(3, 'sa-east-1')]);
    put(store, more);
    expect(await resultOf(store, add(store))).toEqual(ok(more));
  });

  it('that lost to another one is stale', async () => {
    const store = begin();
    store.replica(east).script.push('vanished');
    put(store, withCiphertexts(ours, [ciphertext(9, 'ap-south-1')]));
    expect(await resultOf(store, add(store))).toEqual(err({ kind: 'store.revision-stale' }));
  });

  it.each([
    ['a beginning of ours', Uint8Array.of(2)],
    ['longer', Uint8Array.of(2, 3, 4)],
    ['others', Uint8Array.of(2, 4)],
    ['of another region', Uint8Array.of(2, 3)],
  ])('is not taken for done because of bytes that are %s', async (how, bytes) => {
    const store = begin();
    store.replica(east).script.push('vanished');
    const at = how === 'of another region' ? 'sa-east-1' : 'ap-south-1';
    const other = { ...ciphertext(2, at), bytes };
    put(store, withCiphertexts(ours, [other]));
    expect(await resultOf(store, add(store))).toEqual(err({ kind: 'store.revision-stale' }));
  });

  it('onto the record of another key is stale', async () => {
    const store = begin();
    store.replica(east).script.push('vanished');
    put(store, withCiphertexts(theirs, added));
    expect(await resultOf(store, add(store))).toEqual(err({ kind: 'store.revision-stale' }));
  });

  it('onto a record that is gone is stale', async () => {
    const store = begin();
    store.replica(east).script.push('vanished');
    store.replica(east).inner.rows.clear();
    expect(await resultOf(store, add(store))).toEqual(err({ kind: 'store.revision-stale' }));
  });

  it('in every region stays unknown while the record is as before: it may yet happen (I8)', async () => {
    const store = begin();
    for (const name of storeRegions) store.replica(name).script.push('vanished');
    expect(await resultOf(store, add(store))).toMatchObject({ error: { kind: 'store.outcome-unknown' } });
    expect(stored(store)).toEqual(encodeRecord(ours));
  });

  it('stays unknown when the record cannot be read afterwards (I8)', async () => {
    const store = begin('refused', 'refused', 'refused');
    expect(await resultOf(store, add(store))).toMatchObject({ error: { kind: 'store.outcome-unknown' } });
  });

  it('is stale without a second look when nothing was unclear before', async () => {
    const store = begin('throttled');
    put(store, next);
    expect(await resultOf(store, add(store))).toEqual(err({ kind: 'store.revision-stale' }));
    expect(asked(store)).toEqual([`${east} addCiphertexts`, `${ohio} addCiphertexts`]);
  });

  it('fails as it failed where every region refused clearly', async () => {
    const store = begin('throttled', 'throttled', 'throttled');
    expect(await resultOf(store, add(store))).toEqual(err({ kind: 'store.throttled' }));
    expect(asked(store)).toHaveLength(3);
  });
});

describe('a walk', () => {
  const page = (store: ReplicatedStore, after?: string) => store.repository.page(after, 1, patience());
  const two = (store: ReplicatedStore): void => {
    for (const name of storeRegions) {
      store.replica(name).inner.rows.set('a 1', encodeRecord({ ...ours, id: keyId('a') }));
      store.replica(name).inner.rows.set('b 1', encodeRecord({ ...ours, id: keyId('b') }));
    }
  };

  it.each(passingActs)('in the mode strong begins in the next region when one is "%s"', async (act) => {
    const store = storeOf(strong);
    two(store);
    store.all(act);
    const first = (await resultOf(store, page(store)))._unsafeUnwrap();
    expect([first.entries.map(({ id: named }) => named), first.next?.startsWith(`${ohio} `)]).toEqual([
      ['a'],
      true,
    ]);
  });

  it('stays in the region in which it began, and fails with it', async () => {
    const store = storeOf(strong);
    two(store);
    const { next: after = '' } = (await resultOf(store, page(store)))._unsafeUnwrap();
    store.guide.regions = [west, ohio, east];
    expect(
      (await resultOf(store, page(store, after))).map(({ entries }) => entries.map((each) => each.id)),
    ).toEqual(ok(['b']));
    store.all('throttled');
    expect(await resultOf(store, page(store, after))).toEqual(err({ kind: 'store.throttled' }));
    expect(store.calls.every(([, at]) => at === east)).toBe(true);
  });

  it.each(['eu-west-1 x', 'nonsense', ''])(
    'from a place that is not in the store (%j) has to begin anew',
    async (after) => {
      const store = storeOf(strong);
      expect(await resultOf(store, page(store, after))).toMatchObject({
        error: { kind: 'store.misconfigured' },
      });
      expect(store.calls).toEqual([]);
    },
  );

  it('in the mode home is made in the home region, or fails', async () => {
    const store = storeOf(home);
    two(store);
    expect((await resultOf(store, page(store))).isOk()).toBe(true);
    store.all('refused');
    expect(await resultOf(store, page(store))).toMatchObject({ error: { kind: 'store.unavailable' } });
    expect(store.calls.every(([, at]) => at === east)).toBe(true);
  });

  it('that is aborted asks no other region', async () => {
    const store = storeOf(strong);
    store.all('silent');
    const caller = new AbortController();
    const call = store.repository.page(undefined, 1, caller.signal);
    await settle();
    caller.abort();
    expect(await call).toEqual(err({ kind: 'call.aborted' }));
    expect(store.calls).toHaveLength(1);
  });

  it('may take longer than a record, and that is not counted to how long a region usually takes', async () => {
    const store = storeOf(strong);
    store.all('silent');
    const [endMs] = await ended(store, page(store));
    expect(endMs).toBe(10_000);
    expect(store.guide.reports.map(({ durationMs }) => durationMs)).toEqual([10_000, NaN]);
  });
});
