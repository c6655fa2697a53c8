// Scanning a source: no entry twice and none skipped, whenever the scan is stopped and resumed; and no faster than asked.
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import {
  Scan,
  storedKeys,
  type ScanPosition,
  type ScanSource,
} from '../../../src/application/maintenance/scan-keys.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { patience, VirtualService } from '../../support/virtual-service.js';
import { manyRuns } from '../../support/tiers.js';

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});

interface Failing {
  readonly kind: 'source.down';
}

/** The numbers from 0, in pages; counts the pages that were read. */
class Numbers implements ScanSource<number, Failing> {
  failures = 0;
  pages = 0;

  constructor(
    private readonly size: number,
    private readonly known: number | undefined = size,
    private readonly most = Infinity,
  ) {}

  page(
    after: string | undefined,
    limit: number,
  ): ResultAsync<{ readonly entries: readonly number[]; readonly next?: string }, Failing> {
    this.pages += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      return errAsync({ kind: 'source.down' });
    }
    const from = after === undefined ? 0 : Number(after) + 1;
    const to = Math.min(this.size, from + Math.min(limit, this.most));
    const entries = Array.from({ length: to - from }, (_, index) => from + index);
    return okAsync(to < this.size ? { entries, next: String(to - 1) } : { entries });
  }

  count(): ResultAsync<number | undefined, Failing> {
    return okAsync(this.known);
  }

  nameOf(entry: number): string {
    return String(entry);
  }
}

const settings = { concurrency: 4, share: 1 };
const upTo = (size: number): readonly number[] => Array.from({ length: size }, (_, index) => index);
const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);

/** Advances the clock until the scan ends. */
async function finished<T>(end: Promise<T>): Promise<T> {
  let over = false;
  const watched = end.finally(() => (over = true));
  await settle();
  for (const isOver = (): boolean => over; !isOver();) await clock.advance(1);
  return watched;
}

describe('a scan', () => {
  it.each([0, 1, 199, 200, 201, 1_000])('over %d entries visits each exactly once', async (size) => {
    const seen: number[] = [];
    const scan = new Scan(new Numbers(size), clock, settings);
    const visit = (entry: number): Promise<void> => {
      seen.push(entry);
      return Promise.resolve();
    };
    expect(await finished(scan.run(visit, patience()))).toEqual({ kind: 'finished' });
    expect(sorted(seen)).toEqual(upTo(size));
    expect(scan.progress()).toMatchObject({ done: size, total: size });
  });

  it('visits as many entries at once as its concurrency allows, and never more', async () => {
    let [now, most] = [0, 0];
    const scan = new Scan(new Numbers(50), clock, { ...settings, concurrency: 7 });
    const visit = async (): Promise<void> => {
      now += 1;
      most = Math.max(most, now);
      await settle();
      now -= 1;
    };
    await finished(scan.run(visit, patience()));
    expect(most).toBe(7);
  });

  it('holds at most one page in memory, however large the source is', async () => {
    const scan = new Scan(new Numbers(10_000), clock, settings);
    let most = 0;
    const visit = (): Promise<void> => {
      most = Math.max(most, scan.position().visited.length);
      return Promise.resolve();
    };
    await finished(scan.run(visit, patience()));
    expect(most).toBeLessThanOrEqual(200);
    expect(scan.position()).toEqual({ visited: [], done: 10_000 });
  });

  it('begins no more visits per second than asked', async () => {
    const starts: number[] = [];
    const scan = new Scan(new Numbers(40), clock, { ...settings, perSecond: 10 });
    const visit = (): Promise<void> => {
      starts.push(clock.monotonicMs());
      return Promise.resolve();
    };
    await finished(scan.run(visit, patience()));
    expect(starts).toEqual(upTo(40).map((n) => n * 100));
  });

  it('reports its progress, its speed and the remaining time', async () => {
    const scan = new Scan(new Numbers(40), clock, { ...settings, perSecond: 10 });
    const end = scan.run(() => Promise.resolve(), patience());
    await clock.advance(1_000);
    expect(scan.progress()).toEqual({ done: 11, total: 40, perSecond: 11, remainingMs: (29 / 11) * 1_000 });
    await finished(end);
  });

  it.each([undefined, 5])(
    'gives no remaining time when the total is wrong, and one when it is known (%j)',
    async (known) => {
      const scan = new Scan(new Numbers(40, known ?? undefined), clock, { ...settings, perSecond: 10 });
      const end = scan.run(() => Promise.resolve(), patience());
      await clock.advance(1_000);
      expect(scan.progress()).toMatchObject({
        done: 11,
        remainingMs: known === undefined ? expect.anything() : undefined,
      });
      await finished(end);
    },
  );

  it('continues without a total when the source cannot count', async () => {
    const source = new Numbers(3);
    source.count = () => errAsync({ kind: 'source.down' });
    const scan = new Scan(source, clock, settings);
    await finished(scan.run(() => Promise.resolve(), patience()));
    expect(scan.progress()).toMatchObject({ done: 3, total: undefined });
  });

  it('lets timers and signals run even when no visit waits', async () => {
    const scan = new Scan(new Numbers(1_000), clock, settings);
    const end = scan.run(() => Promise.resolve(), patience());
    await settle();
    expect(scan.progress().done).toBe(200);
    await finished(end);
  });
});

describe('a source that cannot be read', () => {
  it('is read again after growing pauses', async () => {
    const source = new Numbers(3);
    source.failures = 4;
    const seen: number[] = [];
    const scan = new Scan(source, clock, settings);
    const end = scan.run((entry) => Promise.resolve(void seen.push(entry)), patience());
    await clock.advance(200 + 400 + 800 + 1_600);
    expect(await finished(end)).toEqual({ kind: 'finished' });
    expect(seen).toHaveLength(3);
  });

  it('five times in a row ends the scan, which can be resumed', async () => {
    const source = new Numbers(3);
    source.failures = 5;
    const scan = new Scan(source, clock, settings);
    const end = scan.run(() => Promise.resolve(), patience());
    await clock.advance(3_000);
    expect(await end).toEqual({ kind: 'failed', failure: { kind: 'source.down' } });
    expect(scan.position()).toEqual({ visited: [], done: 0 });
  });

  it('is not read again after an abort', async () => {
    const source = new Numbers(3);
    source.failures = 5;
    const controller = new AbortController();
    const end = new Scan(source, clock, settings).run(() => Promise.resolve(), controller.signal);
    await settle();
    controller.abort();
    expect(await finished(end)).toEqual({ kind: 'stopped' });
    expect([source.pages, clock.pending]).toEqual([2, 0]);
  });
});

describe('a scan that is stopped', () => {
  it('finishes the visits in flight, and begins no more', async () => {
    const controller = new AbortController();
    const [begun, ended]: [number[], number[]] = [[], []];
    const scan = new Scan(new Numbers(100), clock, settings);
    const visit = async (entry: number): Promise<void> => {
      begun.push(entry);
      if (begun.length === 10) controller.abort();
      await settle();
      ended.push(entry);
    };
    expect(await finished(scan.run(visit, controller.signal))).toEqual({ kind: 'stopped' });
    expect(sorted(ended)).toEqual(sorted(begun));
    expect(begun.length).toBeLessThanOrEqual(14);
    expect(scan.position()).toEqual({ visited: begun.map(String), done: begun.length });
  });

  it('while it waits for its rate stops at once', async () => {
    const controller = new AbortController();
    const scan = new Scan(new Numbers(100), clock, { ...settings, perSecond: 1 });
    const end = scan.run(() => Promise.resolve(), controller.signal);
    await clock.advance(1_500);
    controller.abort();
    expect(await finished(end)).toEqual({ kind: 'stopped' });
    expect(clock.pending).toBe(0);
  });

  it('and resumed, any number of times, visits everything exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 450 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 5 }),
        fc.constantFrom(1, 7, 200),
        async (size, concurrency, stops, most) => {
          clock = new ManualClock();
          const seen: number[] = [];
          let from: ScanPosition | undefined;
          for (const after of [...stops, Infinity]) {
            const controller = new AbortController();
            const scan = new Scan(new Numbers(size, size, most), clock, {
              concurrency,
              share: 1,
              ...(from && { from }),
            });
            let visits = 0;
            const visit = async (entry: number): Promise<void> => {
              seen.push(entry);
              visits += 1;
              if (visits >= after) controller.abort();
              await Promise.resolve();
            };
            const end = await finished(scan.run(visit, controller.signal));
            // As it would be after a checkpoint file.
            from = JSON.parse(JSON.stringify(scan.position())) as ScanPosition;
            expect(from.done).toBe(seen.length);
            if (end.kind === 'finished') break;
          }
          expect(sorted(seen)).toEqual(upTo(size));
        },
      ),
      { numRuns: manyRuns(60) },
    );
  });
});

describe('a sample', () => {
  it('is about as large as asked, and different every time', async () => {
    const sample = async (): Promise<readonly number[]> => {
      const seen: number[] = [];
      const scan = new Scan(new Numbers(5_000), clock, { ...settings, share: 0.1 });
      await finished(scan.run((entry) => Promise.resolve(void seen.push(entry)), patience()));
      expect(scan.progress().done).toBe(5_000);
      return seen;
    };
    const [one, two] = [await sample(), await sample()];
    for (const drawn of [one, two]) expect(Math.abs(drawn.length - 500)).toBeLessThan(120);
    expect(one).not.toEqual(two);
  });
});

describe('the keys of a store', () => {
  it('are scanned page by page, named by id and version, and counted', async () => {
    const service = new VirtualService();
    for (const id of ['a', 'b', 'c']) await service.stored(id, Buffer.alloc(32, id));
    const source = storedKeys(service.storeCalls);
    const page = (await source.page(undefined, 2, patience()))._unsafeUnwrap();
    expect(page.entries.map((entry) => source.nameOf(entry))).toEqual(['a 1', 'b 1']);
    const rest = (await source.page(page.next, 2, patience()))._unsafeUnwrap();
    expect(rest.entries.map((entry) => source.nameOf(entry))).toEqual(['c 1']);
    expect((await source.count(patience()))._unsafeUnwrap()).toBe(3);
  });
});
