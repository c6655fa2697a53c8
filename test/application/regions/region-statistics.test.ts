// What is measured of each region: only answers say how fast it is, only throttling how much it takes, and every call that
// began is under way until it ends.
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RegionStatistics } from '../../../src/application/regions/region-statistics.js';
import type { VaultFailure } from '../../../src/domain/failures/region-failures.js';
import { defaultPaceSettings } from '../../../src/domain/regions/region-timing.js';
import type { VaultCall } from '../../../src/ports/telemetry.js';
import { region } from '../../support/names.js';
import { vaultFailureKinds, vaultFailures } from '../../support/vault-failures.js';

const [frankfurt, dublin, stockholm] = [region('eu-central-1'), region('eu-west-1'), region('eu-north-1')];
const unknownPace = { attemptTimeoutMs: 800, hedgeAfterMs: 300 };

let gauges: RegionStatistics;
let nowMs: number;
beforeEach(() => {
  nowMs = 1_000_000;
  gauges = new RegionStatistics([frankfurt, dublin, stockholm], defaultPaceSettings, nowMs);
});

const ended = (at: typeof frankfurt, durationMs: number, failure?: VaultFailure): VaultCall => ({
  event: 'vault.call',
  region: at,
  operation: 'decrypt',
  durationMs,
  ...(failure && { failure }),
});
const call = (at: typeof frankfurt, durationMs: number, failure?: VaultFailure): void => {
  gauges.begin(at);
  gauges.end(ended(at, durationMs, failure), nowMs);
};
const calls = (count: number, at: typeof frankfurt, durationMs: number, failure?: VaultFailure): void => {
  for (let one = 0; one < count; one += 1) call(at, durationMs, failure);
};
/** Time passes as it does in operation: ticks come all the while. */
const pass = (ms: number): void => {
  for (const endMs = nowMs + ms; nowMs < endMs;) {
    nowMs = Math.min(nowMs + 250, endMs);
    gauges.tick(nowMs);
  }
};

describe('how long answers take', () => {
  it('is unknown at first, and the pace is then that of an unknown region', () => {
    expect(gauges.read(frankfurt)).toStrictEqual({ p50Ms: undefined, p95Ms: undefined, overQuota: false });
    expect([gauges.pace(frankfurt), gauges.isSlow(frankfurt)]).toStrictEqual([unknownPace, false]);
  });

  it('is known from the next tick on, exact to 10 %', () => {
    calls(90, frankfurt, 20);
    calls(10, frankfurt, 200);
    expect(gauges.read(frankfurt).p50Ms).toBeUndefined();
    gauges.tick(nowMs);
    const { p50Ms = 0, p95Ms = 0 } = gauges.read(frankfurt);
    expect([p50Ms / 20, p95Ms / 200].every((ratio) => ratio >= 0.9 && ratio <= 1.1)).toBe(true);
    expect(gauges.read(dublin).p50Ms).toBeUndefined();
  });

  it('sets the pace of its own region once there are 200 answers, within the bounds', () => {
    calls(199, frankfurt, 100);
    gauges.tick(nowMs);
    expect(gauges.pace(frankfurt)).toStrictEqual(unknownPace);
    call(frankfurt, 100);
    calls(200, dublin, 1);
    calls(200, stockholm, 5_000);
    gauges.tick(nowMs);
    const { attemptTimeoutMs, hedgeAfterMs } = gauges.pace(frankfurt);
    expect([attemptTimeoutMs, Math.abs(hedgeAfterMs - 100) <= 10]).toStrictEqual([150, true]);
    expect(gauges.pace(dublin)).toStrictEqual({ attemptTimeoutMs: 150, hedgeAfterMs: 30 });
    expect(gauges.pace(stockholm)).toStrictEqual({ attemptTimeoutMs: 1_000, hedgeAfterMs: 300 });
  });

  it.each(vaultFailureKinds)('does not count a call that failed with %s', (kind) => {
    calls(300, frankfurt, 1, vaultFailures[kind]);
    gauges.tick(nowMs);
    expect([gauges.read(frankfurt).p50Ms, gauges.pace(frankfurt)]).toStrictEqual([undefined, unknownPace]);
  });
});

describe('a region that has become slow', () => {
  beforeEach(() => {
    for (const at of [frankfurt, dublin, stockholm]) calls(2_000, at, 20);
    pass(60_000);
    for (const at of [dublin, stockholm]) calls(50, at, 20);
  });

  /** Slow answers, for three quarters of a second. */
  const slowed = (ms = 200): void => {
    for (let tick = 0; tick < 3; tick += 1) {
      calls(20, frankfurt, ms);
      pass(250);
    }
  };

  it('is slow when it is much slower than before and than the others', () => {
    slowed();
    expect([frankfurt, dublin, stockholm].map((at) => gauges.isSlow(at))).toStrictEqual([true, false, false]);
  });

  it('is not slow after a burst that waited for its turn, however many answers were in it, while later ones are fast', () => {
    calls(500, frankfurt, 200);
    pass(250);
    calls(500, frankfurt, 200);
    pass(250);
    const slow: boolean[] = [];
    for (let tick = 0; tick < 60; tick += 1) {
      calls(25, frankfurt, 20);
      pass(250);
      slow.push(gauges.isSlow(frankfurt));
    }
    expect(slow).toStrictEqual(slow.map(() => false));
  });

  it('is slow by a tenth of its answers, and not by one in twenty', () => {
    const mixed = (slowOnes: number): boolean => {
      for (let tick = 0; tick < 8; tick += 1) {
        calls(20 - slowOnes, frankfurt, 20);
        calls(slowOnes, frankfurt, 200);
        pass(250);
      }
      return gauges.isSlow(frankfurt);
    };
    expect([mixed(1), mixed(2)]).toStrictEqual([false, true]);
  });

  it('is slow also when it had no calls for a while between its slow answers', () => {
    calls(20, frankfurt, 200);
    pass(1_000);
    calls(20, frankfurt, 200);
    pass(1_000);
    expect(gauges.isSlow(frankfurt)).toBe(false);
    calls(1, frankfurt, 200);
    pass(250);
    expect(gauges.isSlow(frankfurt)).toBe(true);
  });

  it('is not slow when the others are slow as well', () => {
    for (let tick = 0; tick < 3; tick += 1) {
      for (const at of [frankfurt, dublin, stockholm]) calls(1_000, at, 200);
      pass(250);
    }
    expect([frankfurt, dublin, stockholm].map((at) => gauges.isSlow(at))).toStrictEqual([
      false,
      false,
      false,
    ]);
  });

  it('is compared with the others alone, of which one may be as slow as ever', () => {
    gauges = new RegionStatistics([frankfurt, dublin, stockholm], defaultPaceSettings, nowMs);
    for (const at of [frankfurt, dublin]) calls(2_000, at, 20);
    calls(2_000, stockholm, 150);
    pass(60_000);
    calls(50, dublin, 20);
    calls(50, stockholm, 150);
    slowed();
    expect([frankfurt, dublin, stockholm].map((at) => gauges.isSlow(at))).toStrictEqual([true, false, false]);
  });

  const probes = (count: number, durationMs: number): void => {
    for (let one = 0; one < count; one += 1) gauges.probed(frankfurt, durationMs, nowMs);
  };

  it('stays slow by its last answers as long as it has no newer calls', () => {
    slowed();
    pass(30_000);
    expect(gauges.isSlow(frankfurt)).toBe(true);
    expect(gauges.read(frankfurt)).toStrictEqual({ p50Ms: 200, p95Ms: undefined, overQuota: false });
  });

  it.each([
    ['fast', 20, false],
    ['slow', 200, true],
  ])('is what probes tell when nobody else calls it: %s', (_, ms, slow) => {
    slowed();
    pass(30_000);
    probes(5, ms);
    gauges.tick(nowMs);
    expect(gauges.isSlow(frankfurt)).toBe(slow);
  });

  it('does not take its slowness for its usual pace, however long it lasts', () => {
    slowed();
    const before = gauges.pace(frankfurt);
    for (let second = 0; second < 300; second += 1) {
      calls(50, frankfurt, 200);
      for (const at of [dublin, stockholm]) calls(50, at, 20);
      pass(1_000);
    }
    expect([gauges.isSlow(frankfurt), gauges.pace(frankfurt)]).toStrictEqual([true, before]);
  });
});

describe('how much a region takes', () => {
  const begin = (count: number): void => {
    for (let one = 0; one < count; one += 1) gauges.begin(frankfurt);
  };
  const overQuota = (): boolean => gauges.read(frankfurt).overQuota;
  const throttle = (): void => {
    gauges.end(ended(frankfurt, 1, vaultFailures['region.throttled']), nowMs);
  };
  const answer = (): void => {
    gauges.end(ended(frankfurt, 1), nowMs);
  };

  it('is without bounds while it does not throttle', () => {
    begin(10_000);
    expect(overQuota()).toBe(false);
  });

  it('is 30 % below the calls in flight when it throttles', () => {
    begin(10);
    throttle();
    expect(overQuota()).toBe(true);
    answer();
    answer();
    expect(overQuota()).toBe(true);
    answer();
    expect(overQuota()).toBe(false);
    begin(1);
    expect([overQuota(), gauges.read(dublin).overQuota]).toStrictEqual([true, false]);
  });

  it('is made less once by a burst that is throttled as a whole, and again by calls made after that', () => {
    begin(10);
    const burst = (durationMs: number): void => {
      gauges.end(ended(frankfurt, durationMs, vaultFailures['region.throttled']), nowMs);
    };
    nowMs += 20;
    for (let one = 0; one < 10; one += 1) burst(20);
    begin(6);
    expect(overQuota()).toBe(false);
    nowMs += 20;
    burst(20);
    expect(overQuota()).toBe(true);
    answer();
    expect(overQuota()).toBe(true);
    answer();
    expect(overQuota()).toBe(false);
  });

  it('is one more each second, and without bounds again in the end', () => {
    begin(10);
    throttle();
    answer();
    answer();
    expect(overQuota()).toBe(true);
    pass(999);
    expect(overQuota()).toBe(true);
    pass(1);
    expect(overQuota()).toBe(false);
    begin(1);
    expect(overQuota()).toBe(true);
    begin(10_000);
    pass(30_000);
    expect(overQuota()).toBe(false);
  });

  it('is nothing for a second after it throttled its only call, and one call after that', () => {
    begin(1);
    throttle();
    expect(overQuota()).toBe(true);
    pass(1_000);
    expect(overQuota()).toBe(false);
    begin(1);
    expect(overQuota()).toBe(true);
  });

  it.each(vaultFailureKinds.filter((kind) => kind !== 'region.throttled'))(
    'is not made less by %s',
    (kind) => {
      begin(10);
      gauges.end(ended(frankfurt, 1, vaultFailures[kind]), nowMs);
      begin(10_000);
      expect(overQuota()).toBe(false);
    },
  );

  it('is never used up by calls that have ended, however they ended', () => {
    const ends = fc.array(fc.constantFrom('begin', 'answer', ...vaultFailureKinds), { maxLength: 200 });
    fc.assert(
      fc.property(ends, (acts) => {
        gauges = new RegionStatistics([frankfurt], defaultPaceSettings, nowMs);
        let underWay = 0;
        for (const act of acts) {
          if (act === 'begin') gauges.begin(frankfurt);
          else if (underWay > 0)
            gauges.end(ended(frankfurt, 1, act === 'answer' ? undefined : vaultFailures[act]), nowMs);
          underWay = act === 'begin' ? underWay + 1 : Math.max(0, underWay - 1);
        }
        while (underWay > 0) {
          answer();
          underWay -= 1;
        }
        pass(1_000);
        expect(overQuota()).toBe(false);
      }),
    );
  });
});

describe('a region that is not supervised', () => {
  const elsewhere = region('us-east-1');
  it.each<readonly [string, () => unknown]>([
    [
      'begun',
      () => {
        gauges.begin(elsewhere);
      },
    ],
    [
      'ended',
      () => {
        gauges.end(ended(elsewhere, 1), nowMs);
      },
    ],
    ['paced', () => gauges.pace(elsewhere)],
    ['read', () => gauges.read(elsewhere)],
  ])('is a bug when a call there is %s', (_, act) => {
    expect(act).toThrow('the region us-east-1 is not supervised');
  });
});
