// The supervisor in virtual time: what its regions go through, one test per transition, and the order that comes of it.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RegionReport } from '../../../src/application/regions/region-supervisor.js';
import type { VaultFailure } from '../../../src/domain/failures/region-failures.js';
import { noCalls } from '../../../src/domain/regions/call-record.js';
import type { VaultCall } from '../../../src/ports/telemetry.js';
import { region } from '../../support/names.js';
import {
  dublin,
  ends,
  frankfurt,
  inShort,
  play,
  stockholm,
  type End,
  type SupervisedRegions,
} from '../../support/supervised-regions.js';
import { manyRuns } from '../../support/tiers.js';

const frankfurtGoes = (from: string, to: string, why: string): string =>
  `eu-central-1: ${from} > ${to} (${why})`;
const opens = (from = 'healthy', why = 'region.unavailable: refused'): string =>
  frankfurtGoes(from, 'open', why);
const late = frankfurtGoes('healthy', 'degraded', 'slow: answers do not come in time');
const isTried = frankfurtGoes('open', 'half-open', 'region.unavailable: refused');
const mayBeBack = (from: string): string => frankfurtGoes(from, 'half-open', 'answered once');
const answersAgain = frankfurtGoes('half-open', 'recovering', 'probes succeeded');
const staysWell = frankfurtGoes('recovering', 'healthy', 'ramp completed');

/** Its circuit opens in the fourth millisecond; with the chance of a half it is tried at 2,750 ms. */
const open = (regions: SupervisedRegions): void => {
  regions.calls('fffff');
};
/** With probes that answer at once it recovers from 3,250 ms on, and is well at 13,250 ms. */
const opened = [
  [4, opens()],
  [2_750, isTried],
] as const;
const recovered = [...opened, [3_250, answersAgain]] as const;

describe('healthy regions', () => {
  it('are ordered as configured, which is emitted once, and are not probed while they answer', () => {
    const regions = play({ untilMs: 59_000 }, (all) => {
      all.calls('100ms aaa 29s a');
      all.expectOrders('250ms o', { o: 'FDS' });
      all.acts('1s o', {
        o: () => {
          expect(inShort(all.supervisor.order())).toBe('FDS');
        },
      });
    });
    expect([regions.transitions, regions.probed()]).toStrictEqual([[], []]);
  });

  it('are emitted with the first tick when nothing else happens', () => {
    play({ untilMs: 2_000 }, (all) => {
      all.expectOrders('250ms o', { o: 'FDS' });
    });
  });
});

describe('a region without requests', () => {
  const dublinGoes = (to: string, why: string): string => `eu-west-1: healthy > ${to} (${why})`;
  const idle = (probe: string, untilMs: number): SupervisedRegions =>
    play({ untilMs }, (all) => {
      all.probes.set(dublin, [probe]);
    });
  const atOnce = (...times: readonly number[]) => times.map((ms) => [ms, ms]);

  it('is probed every thirty seconds', () => {
    const regions = idle('(a|)', 100_000);
    expect([regions.transitions, regions.probed(dublin)]).toStrictEqual([[], atOnce(30_000, 60_000, 90_000)]);
  });

  it('is probed a second after a call that failed; an answer is enough', () => {
    const regions = play({ untilMs: 20_000 }, (all) => {
      all.calls('1s f');
    });
    expect([regions.transitions, regions.probed()]).toStrictEqual([[], atOnce(2_000)]);
  });

  it('opens within five seconds of the first failure, without failing another request', () => {
    const regions = play({ untilMs: 6_000 }, (all) => {
      all.probes.set(frankfurt, ['(f|)']);
      all.calls('1s f');
      all.expectOrders('250ms o 4749ms p', { o: 'FDS', p: 'DSF' });
    });
    expect(regions.transitions).toStrictEqual([[5_000, opens()]]);
  });

  it('that stopped answering is found before a request needs it', () => {
    const regions = idle('-', 40_000);
    expect(regions.transitions).toStrictEqual([
      [39_000, dublinGoes('open', 'region.unavailable: timed-out')],
    ]);
  });

  it('is found to be misconfigured by its first probe', () => {
    const regions = idle('(m|)', 31_000);
    expect(regions.transitions).toStrictEqual([[30_000, dublinGoes('misconfigured', 'disabled')]]);
  });

  it('that throttles is probed again after a second, and stays healthy', () => {
    const regions = idle('(t|)', 32_500);
    expect([regions.transitions, regions.probed(dublin)]).toStrictEqual([[], atOnce(30_000, 31_000, 32_000)]);
  });
});

describe('a circuit', () => {
  it('opens with the fifth failure in a row, and the region goes behind all others', () => {
    const regions = play({ untilMs: 1_100 }, (all) => {
      all.calls('ffff 996ms f');
      all.expectOrders('o 999ms p', { o: 'FDS', p: 'DSF' });
    });
    expect(regions.transitions).toStrictEqual([[1_000, opens()]]);
    expect(regions.events).toStrictEqual([
      {
        event: 'region.transition',
        region: 'eu-central-1',
        from: 'healthy',
        to: 'open',
        why: 'region.unavailable: refused',
      },
    ]);
  });

  it('stays closed when an answer comes between the failures', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      all.calls('ffffaffff');
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('stays closed when the failures are those of several regions', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      for (const at of [frankfurt, dublin, stockholm]) all.calls('ffff', { at });
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('opens when half of twenty calls in ten seconds failed, never mind in which order', () => {
    const regions = play({ untilMs: 9_500 }, (all) => {
      all.calls(`${'af'.repeat(9)}a 8981ms f`);
    });
    expect(regions.transitions).toStrictEqual([[9_000, opens()]]);
  });

  it.each([
    ['half of nineteen calls', `${'af'.repeat(9)}f`],
    ['fewer than half of twenty calls', `a${'af'.repeat(9)}af`],
    ['half of twenty calls in more than ten seconds', `${'af'.repeat(9)} 11s af`],
  ])('stays closed when %s failed', (_, marbles) => {
    const regions = play({ untilMs: 12_000 }, (all) => {
      all.calls(marbles);
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('opens after the fifth call in a row that lost to its hedge while the region answered nothing, and its probe', () => {
    const regions = play({ untilMs: 1_500 }, (all) => {
      all.probes.set(frankfurt, ['-']);
      all.calls('a 99ms ooooo', { durationMs: 90 });
    });
    expect(regions.transitions).toStrictEqual([
      [104, late],
      [1_250, opens('degraded', 'region.unavailable: timed-out')],
    ]);
  });

  it('stays closed when calls of a burst lost to their hedges while the region answered the rest of it', () => {
    const regions = play({ untilMs: 20_000 }, (all) => {
      all.calls('50ms a 49ms oooooooooooooooooooooooooooooo', { durationMs: 90 });
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('opens when a call times out, whatever the region answered meanwhile: four that lost in silence and that one', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      all.calls('a 99ms oooo', { durationMs: 90 });
      all.calls('105ms f', { durationMs: 800 });
    });
    expect(regions.transitions).toStrictEqual([[105, opens()]]);
  });

  it('of a region that answers while all are open comes first at once, and closes after three answers', () => {
    const regions = play({ untilMs: 150 }, (all) => {
      for (const at of [frankfurt, dublin, stockholm]) all.calls('fffff', { at });
      all.calls('10ms a 39ms a 29ms a 29ms a', { at: dublin, durationMs: 20 });
      const firstIs = (order: string) => (): void => {
        expect(inShort(all.supervisor.order())).toBe(order);
      };
      all.acts('48ms p 5ms q', { p: firstIs('FDS'), q: firstIs('DFS') });
    });
    expect(regions.transitions.slice(3)).toStrictEqual([
      [50, 'eu-west-1: open > half-open (answered once)'],
      [110, 'eu-west-1: half-open > recovering (probes succeeded)'],
    ]);
  });

  it('stays open when calls other than decrypting succeed there', () => {
    const regions = play({ untilMs: 2_000 }, (all) => {
      open(all);
      all.calls('50ms aaaaa', { operation: 'encrypt' });
    });
    expect(regions.transitions).toStrictEqual([[4, opens()]]);
  });

  it('opens at once when a certificate is not to be trusted', () => {
    const regions = play({ untilMs: 100 }, (all) => {
      all.calls('10ms u');
    });
    expect(regions.transitions).toStrictEqual([[10, opens('healthy', 'region.untrusted')]]);
  });

  it('opens when three ids are rejected within five minutes, but not for one id or two', () => {
    const regions = play({ untilMs: 240_000 }, (all) => {
      all.calls('rrrrr 1s rr', { id: 'one' });
      all.calls('1m r', { id: 'two' });
      all.calls('3m r', { id: 'three' });
    });
    expect(regions.transitions[0]).toStrictEqual([180_000, opens('healthy', 'ciphertext.rejected')]);
  });

  it('stays closed when three ids are rejected in more than five minutes', () => {
    const regions = play({ untilMs: 400_000 }, (all) => {
      for (const [index, id] of ['one', 'two', 'three'].entries()) all.calls(`${index * 160}s r`, { id });
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('stays closed when what is rejected belongs to no key', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      const rejected = {
        event: 'vault.call',
        region: frankfurt,
        operation: 'probe',
        failure: ends.r,
      } as const;
      all.acts('oooooooooo', {
        o: () => {
          all.supervisor.begin(frankfurt);
          all.supervisor.report({ ...rejected, durationMs: 1 });
        },
      });
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it.each<readonly [string, End]>([
    ['throttled', 't'],
    ['aborted', 'x'],
    ['malformed', 'b'],
  ])('stays closed whatever number of calls were %s', (_, end) => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      all.calls(end.repeat(100));
    });
    expect(regions.transitions).toStrictEqual([]);
  });
});

describe('an open circuit', () => {
  it.each([
    [0, 250],
    [0.5, 2_750],
    [0.999_999, 5_250],
  ])('stays open for its time, of which chance %d decides: until %d ms', (chance, triedAtMs) => {
    const regions = play({ untilMs: triedAtMs + 1 }, (all) => {
      all.chance = chance;
      open(all);
      all.probes.set(frankfurt, ['-']);
    });
    expect(regions.transitions).toStrictEqual([
      [4, opens()],
      [triedAtMs, isTried],
    ]);
  });

  it('stays open no longer for what else fails meanwhile', () => {
    const regions = play({ untilMs: 2_751 }, (all) => {
      open(all);
      all.calls('1s ffffffffff');
      all.probes.set(frankfurt, ['-']);
    });
    expect(regions.transitions).toStrictEqual(opened);
  });

  it('is not probed', () => {
    const regions = play({ untilMs: 2_700 }, open);
    expect(regions.probed()).toStrictEqual([]);
  });

  it('stays open however the calls in flight end: one transition, not a hundred', () => {
    const regions = play({ untilMs: 2_700 }, (all) => {
      all.calls(`fffff${'af'.repeat(50)}`, { durationMs: 800 });
    });
    expect(regions.transitions).toStrictEqual([[4, opens()]]);
  });

  it('stays open when a probe that outlived its half-open circuit answers', () => {
    const regions = play({ untilMs: 4_000 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['500ms (a|)']);
      all.calls('2800ms u');
    });
    expect(regions.transitions).toStrictEqual([...opened, [2_800, opens('half-open', 'region.untrusted')]]);
    expect(regions.probed()).toStrictEqual([[2_750, 3_250]]);
  });

  it('in every region leaves all of them to be tried, in their order', () => {
    const regions = play({ untilMs: 200 }, (all) => {
      for (const [index, at] of [frankfurt, dublin, stockholm].entries())
        all.calls(`${index * 10}ms fffff`, { at });
      all.expectOrders('o 3ms p 9ms q 9ms r', { o: 'FDS', p: 'DSF', q: 'SFD', r: 'FDS' });
      all.acts('100ms o', {
        o: () => {
          expect(inShort(all.supervisor.order())).toBe('FDS');
        },
      });
    });
    expect(regions.transitions).toHaveLength(3);
  });
});

describe('a half-open circuit', () => {
  it('is probed at once, and recovers with the third right answer', () => {
    const regions = play({ untilMs: 3_300 }, open);
    expect(regions.probed()).toStrictEqual([
      [2_750, 2_750],
      [3_000, 3_000],
      [3_250, 3_250],
    ]);
    expect(regions.transitions).toStrictEqual(recovered);
  });

  it('is probed by one probe at a time, however long each takes', () => {
    const regions = play({ untilMs: 6_000 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['600ms (a|)']);
    });
    expect(regions.probed()).toStrictEqual([
      [2_750, 3_350],
      [3_500, 4_100],
      [4_250, 4_850],
    ]);
    expect(regions.transitions).toStrictEqual([...opened, [4_850, answersAgain]]);
  });

  it('in several regions is probed in each of them at the same time', () => {
    const regions = play({ untilMs: 3_000 }, (all) => {
      for (const at of [frankfurt, dublin]) {
        all.calls('fffff', { at });
        all.probes.set(at, ['-']);
      }
    });
    expect([regions.probed(frankfurt), regions.probed(dublin), regions.probed(stockholm)]).toStrictEqual([
      [[2_750, 3_000]],
      [[2_750, 3_000]],
      [],
    ]);
  });

  it('does not count answers to calls that began before it was half-open', () => {
    const regions = play({ untilMs: 3_300 }, (all) => {
      open(all);
      all.calls('2800ms aaaaaaaaaa', { durationMs: 100 });
    });
    expect(regions.transitions).toStrictEqual(recovered);
  });

  it.each([
    ['that does not answer, after its time-out', ['-'], 3_750, [[2_750, 3_750]], 'timed-out'],
    ['that fails', ['100ms (f|)'], 2_850, [[2_750, 2_850]], 'refused'],
    ['that throws', ['throw'], 2_750, [], 'unintelligible'],
    ['that ends with an error', ['100ms #'], 2_850, [[2_750, 2_850]], 'unintelligible'],
  ])('opens again after a probe %s', (_, scripts, atMs, probed, reason) => {
    const regions = play({ untilMs: atMs + 250 }, (all) => {
      open(all);
      all.probes.set(frankfurt, scripts);
    });
    const again = opens('half-open', `region.unavailable: ${reason}`);
    expect(regions.transitions).toStrictEqual([...opened, [atMs, again]]);
    expect(regions.probed()).toStrictEqual(probed);
  });

  it.each<readonly [string, End, string]>([
    ['is throttled', 't', 'region.throttled'],
    ['has its canary rejected', 'r', 'ciphertext.rejected'],
    ['is aborted', 'x', 'call.aborted'],
    ['is malformed', 'b', 'vault.request-invalid'],
  ])('opens again after a probe that %s', (_, end, why) => {
    const regions = play({ untilMs: 7_700 }, (all) => {
      open(all);
      all.probes.set(frankfurt, [`(${end}|)`]);
    });
    expect(regions.transitions).toStrictEqual([...opened, [2_750, opens('half-open', why)]]);
    expect(regions.probed()).toStrictEqual([[2_750, 2_750]]);
  });

  it('is quarantined by the second canary that comes out wrong', () => {
    const regions = play({ untilMs: 60_000 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['(w|)']);
    });
    expect(regions.transitions).toStrictEqual([
      ...opened,
      [2_750, opens('half-open', 'ciphertext.mismatched')],
      [7_750, frankfurtGoes('open', 'half-open', 'ciphertext.mismatched')],
      [7_750, frankfurtGoes('half-open', 'quarantined', 'answered with wrong keys')],
    ]);
  });

  it('stays half-open whatever number of calls fail', () => {
    const regions = play({ untilMs: 3_000 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['-']);
      all.calls('2800ms ffffffffff');
    });
    expect(regions.transitions).toStrictEqual(opened);
  });

  it('opens for twice as long each time, up to a minute', () => {
    const regions = play({ untilMs: 150_000 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['(f|)']);
    });
    const times = regions.transitions.map(([atMs]) => atMs);
    expect(times).toStrictEqual([
      4, 2_750, 2_750, 7_750, 7_750, 17_750, 17_750, 37_750, 37_750, 67_750, 67_750, 97_750, 97_750, 127_750,
      127_750,
    ]);
  });

  it.each([
    ['that never completes', 'a'],
    ['that goes on emitting', 'aff'],
    ['that ends with an error after its answer', '(a#)'],
  ])('takes the first answer of a probe %s', (_, script) => {
    const regions = play({ untilMs: 3_300 }, (all) => {
      open(all);
      all.probes.set(frankfurt, [script]);
    });
    expect(regions.transitions).toStrictEqual(recovered);
    expect(regions.probed().map(([from = 0, to = 0]) => to - from)).toStrictEqual([0, 0, 0]);
  });

  it('learns nothing from a probe that completes without a word, and probes again', () => {
    const regions = play({ untilMs: 3_100 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['10ms |']);
    });
    expect(regions.transitions).toStrictEqual(opened);
    expect(regions.probed()).toStrictEqual([
      [2_750, 2_760],
      [3_000, 3_010],
    ]);
  });

  it('is tried after all healthy regions, and before an open one', () => {
    play({ untilMs: 2_900 }, (all) => {
      all.calls('fffff', { at: dublin });
      all.calls('2s fffff');
      all.probes.set(dublin, ['-']);
      all.expectOrders('o 3ms p 1999ms q 745ms r', { o: 'FDS', p: 'FSD', q: 'SFD', r: 'SDF' });
    });
  });
});

describe('a recovering region', () => {
  /** The order that a request of this chance gets at this time. */
  const orderAt = (atMs: number, chance: number): string => {
    let seen = '';
    play({ untilMs: 14_000 }, (all) => {
      open(all);
      all.acts(`${atMs}ms o`, {
        o: () => {
          all.chance = chance;
          seen = inShort(all.supervisor.order());
        },
      });
    });
    return seen;
  };

  it.each([
    ['a tenth', 3_260, 0.1],
    ['a tenth', 6_500, 0.1],
    ['a half', 6_600, 0.5],
    ['a half', 9_900, 0.5],
  ])('gets %s of its requests after %d ms', (_, atMs, share) => {
    expect([orderAt(atMs, share - 0.001), orderAt(atMs, share)]).toStrictEqual(['FDS', 'DSF']);
  });

  it.each([9_950, 13_200, 13_600])('gets all of its requests after %d ms', (atMs) => {
    expect(orderAt(atMs, 0.999_999)).toBe('FDS');
  });

  it('is healthy after ten seconds without new failures', () => {
    const regions = play({ untilMs: 30_000 }, open);
    expect(regions.transitions).toStrictEqual([...recovered, [13_250, staysWell]]);
    expect(regions.probed()).toHaveLength(3);
  });

  it('has its place in the emitted order from the beginning, whatever order requests get by chance', () => {
    play({ untilMs: 14_000 }, (all) => {
      open(all);
      all.calls('3300ms a 99ms a 99ms a');
      all.acts('3290ms o 99ms o 99ms o', {
        o: () => {
          all.chance = 0.999_999;
          all.supervisor.order();
        },
      });
      all.expectOrders('o 3ms p 3245ms q', { o: 'FDS', p: 'DSF', q: 'FDS' });
    });
  });

  it('opens again with the fifth failure in a row, for twice as long, and not with four', () => {
    const regions = play({ untilMs: 10_300 }, (all) => {
      open(all);
      all.calls('4s ffffa 995ms fffff');
      all.probes.set(frankfurt, ['(a|)', '(a|)', '(a|)', '-']);
    });
    expect(regions.transitions).toStrictEqual([
      ...recovered,
      [5_004, opens('recovering')],
      [10_250, isTried],
    ]);
  });

  it('is healthy after ten seconds although every tenth call fails', () => {
    const regions = play({ untilMs: 60_000 }, (all) => {
      open(all);
      all.calls(`3300ms ${'f 99ms aaaaaaaaa 9ms '.repeat(100)}`);
    });
    expect(regions.transitions).toStrictEqual([...recovered, [13_250, staysWell]]);
  });

  it('that became healthy opens for the initial time again, not for twice as long', () => {
    const regions = play({ untilMs: 23_000 }, (all) => {
      open(all);
      all.calls('20s fffff');
      all.probes.set(frankfurt, ['(a|)', '(a|)', '(a|)', '-']);
    });
    expect(regions.transitions.slice(4)).toStrictEqual([
      [20_004, opens()],
      [22_750, isTried],
    ]);
  });
});

describe('a region whose key cannot be used', () => {
  const misconfigured = frankfurtGoes('healthy', 'misconfigured', 'disabled');

  it('is misconfigured at once, and tried last', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      all.calls('m');
      all.expectOrders('o', { o: 'DSF' });
    });
    expect(regions.transitions).toStrictEqual([[0, misconfigured]]);
  });

  it('is probed at its own interval, and recovers like others when a probe succeeds', () => {
    const regions = play({ untilMs: 185_000 }, (all) => {
      all.calls('m');
      all.probes.set(frankfurt, ['(m|)', '20ms (m|)', '(a|)']);
    });
    expect(regions.transitions).toStrictEqual([
      [0, misconfigured],
      [180_250, mayBeBack('misconfigured')],
      [180_750, answersAgain],
    ]);
    expect(regions.probed()).toStrictEqual([
      [60_000, 60_000],
      [120_000, 120_020],
      [180_250, 180_250],
      [180_500, 180_500],
      [180_750, 180_750],
    ]);
  });

  it('does not recover because calls are answered there: only a probe counts', () => {
    const regions = play({ untilMs: 60_100 }, (all) => {
      all.calls(`m 9999ms ${'af'.repeat(50)}`);
    });
    expect(regions.transitions).toStrictEqual([
      [0, misconfigured],
      [60_000, mayBeBack('misconfigured')],
    ]);
  });

  it('is open instead when its probe finds the region down', () => {
    const regions = play({ untilMs: 60_100 }, (all) => {
      all.calls('m');
      all.probes.set(frankfurt, ['(f|)']);
    });
    expect(regions.transitions).toStrictEqual([
      [0, misconfigured],
      [60_000, opens('misconfigured')],
    ]);
  });

  it.each<readonly [string, End]>([
    ['throttled', 't'],
    ['malformed', 'b'],
  ])('is probed again after a minute, not at once, when its probe is %s', (_, end) => {
    const regions = play({ untilMs: 130_000 }, (all) => {
      all.calls('m');
      all.probes.set(frankfurt, [`(${end}|)`]);
    });
    expect(regions.probed()).toStrictEqual([
      [60_000, 60_000],
      [120_000, 120_000],
    ]);
  });
});

describe('a region that refuses our credentials', () => {
  it('is misconfigured, and probed after five seconds', () => {
    const regions = play({ untilMs: 12_000 }, (all) => {
      all.calls('c');
      all.probes.set(frankfurt, ['(c|)', '(a|)']);
    });
    expect(regions.transitions).toStrictEqual([
      [0, frankfurtGoes('healthy', 'misconfigured', 'credentials')],
      [10_000, mayBeBack('misconfigured')],
      [10_500, answersAgain],
    ]);
    expect(regions.probed()[0]).toStrictEqual([5_000, 5_000]);
  });
});

describe('a region that answers with wrong keys', () => {
  const poisoned = (all: SupervisedRegions): void => {
    all.calls('w', { id: 'one' });
    all.calls('10ms w', { id: 'two' });
  };
  const quarantined = frankfurtGoes('healthy', 'quarantined', 'answered with wrong keys');

  it('for two ids is quarantined, and tried last of all', () => {
    const regions = play({ untilMs: 3_000 }, (all) => {
      poisoned(all);
      all.calls('fffff', { at: dublin });
      all.calls('m', { at: stockholm });
      all.expectOrders('o 9ms p', { o: 'FDS', p: 'DSF' });
    });
    expect(regions.transitions).toContainEqual([10, quarantined]);
  });

  it('for one id, however often, is not', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      all.calls('wwwwwwwwww', { id: 'one' });
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('stays quarantined whatever it answers and whatever time passes, and is not probed', () => {
    const regions = play({ untilMs: 600_000 }, (all) => {
      poisoned(all);
      all.calls('1s aaaaaaaaaa fffff m c u 1m aaaa');
    });
    expect(regions.transitions).toStrictEqual([[10, quarantined]]);
    expect(regions.probed()).toStrictEqual([]);
  });

  it('recovers when an operator lifts the quarantine, and is then as little suspect as any other', () => {
    const regions = play({ untilMs: 12_500 }, (all) => {
      poisoned(all);
      all.command('lift-quarantine', 1_000);
      all.calls('12s w', { id: 'three' });
    });
    expect(regions.transitions).toStrictEqual([
      [10, quarantined],
      [1_000, frankfurtGoes('quarantined', 'half-open', 'operator')],
      [1_500, answersAgain],
      [11_500, staysWell],
    ]);
  });

  it('that is drained and taken back is quarantined still', () => {
    const regions = play({ untilMs: 60_000 }, (all) => {
      poisoned(all);
      all.command('drain', 1_000);
      all.command('lift-quarantine', 2_000);
      all.command('undrain', 3_000);
    });
    expect(regions.transitions).toStrictEqual([
      [10, quarantined],
      [1_000, frankfurtGoes('quarantined', 'drained', 'operator')],
      [3_000, frankfurtGoes('drained', 'quarantined', 'operator')],
    ]);
    expect(regions.probed()).toStrictEqual([]);
  });
});

describe("the operator's hand", () => {
  const drained = frankfurtGoes('healthy', 'drained', 'operator');

  it('drains a region: it is tried last and stays ejected, whatever happens', () => {
    const regions = play({ untilMs: 600_000 }, (all) => {
      all.command('drain', 1_000);
      all.calls('2s fffff aaa m u c w', { id: 'one' });
      all.expectOrders('250ms o 749ms p', { o: 'FDS', p: 'DSF' });
    });
    expect([regions.transitions, regions.probed()]).toStrictEqual([[[1_000, drained]], []]);
  });

  it('takes a drained region back: it is probed, and recovers', () => {
    const regions = play({ untilMs: 20_000 }, (all) => {
      all.command('drain', 1_000);
      all.command('undrain', 5_000);
    });
    expect(regions.transitions).toStrictEqual([
      [1_000, drained],
      [5_000, frankfurtGoes('drained', 'half-open', 'operator')],
      [5_500, answersAgain],
      [15_500, staysWell],
    ]);
    expect(regions.probed()).toHaveLength(3);
  });

  it('drains a region while it is probed: what the probe finds counts for nothing', () => {
    const regions = play({ untilMs: 10_000 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['500ms (a|)']);
      all.command('drain', 3_000);
    });
    expect(regions.transitions).toStrictEqual([
      ...opened,
      [3_000, frankfurtGoes('half-open', 'drained', 'operator')],
    ]);
  });

  it.each(['undrain', 'lift-quarantine'] as const)(
    'changes nothing by %s where there is nothing to change',
    (order) => {
      const regions = play({ untilMs: 10_000 }, (all) => {
        all.command(order, 1_000);
      });
      expect(regions.transitions).toStrictEqual([]);
    },
  );

  it('drains no region twice', () => {
    const regions = play({ untilMs: 10_000 }, (all) => {
      all.command('drain', 1_000);
      all.command('drain', 2_000);
    });
    expect(regions.transitions).toStrictEqual([[1_000, drained]]);
  });

  it('has no effect on an unknown region, and says so', () => {
    const regions = play({ untilMs: 1_000 }, (all) => {
      all.acts('500ms o', {
        o: () => {
          const orders = ['drain', 'undrain', 'lift-quarantine'] as const;
          const told = orders.map((order) => all.supervisor.command(region('us-east-1'), order));
          expect(told).toStrictEqual([false, false, false]);
        },
      });
    });
    expect(regions.transitions).toStrictEqual([]);
  });
});

describe('a region that becomes slow', () => {
  const slow = frankfurtGoes('healthy', 'degraded', 'slower than its baseline and the other regions');
  const fast = frankfurtGoes('degraded', 'healthy', 'latency back to normal');
  const many = (
    all: SupervisedRegions,
    count: number,
    durationMs: number,
    of = [frankfurt],
  ): (() => void) => {
    return () => {
      for (const at of of) for (let one = 0; one < count; one += 1) all.call('a', { at, durationMs });
    };
  };
  /** All are fast for long; then the first one is slow, and the others are not. */
  const slowed = (all: SupervisedRegions): void => {
    const three = [frankfurt, dublin, stockholm];
    all.acts('o 19299ms p 249ms p 249ms p', {
      o: many(all, 1_000, 20, three),
      p: () => {
        many(all, 40, 20, [dublin, stockholm])();
        many(all, 40, 200)();
      },
    });
  };

  it('is degraded at a tick, and tried after those that are not, before those that fail', () => {
    const regions = play({ untilMs: 21_000 }, (all) => {
      slowed(all);
      all.calls('20s fffff', { at: stockholm });
      all.expectOrders('250ms o 19749ms p 3ms q', { o: 'FDS', p: 'DSF', q: 'DFS' });
    });
    expect(regions.transitions.filter(([, text]) => text.startsWith(frankfurt))).toStrictEqual([
      [20_000, slow],
    ]);
  });

  it('is healthy again when it is as fast as before', () => {
    const regions = play({ untilMs: 40_000 }, (all) => {
      slowed(all);
      all.acts('25s o 4999ms o 4999ms o', { o: many(all, 1_000, 20) });
    });
    expect(regions.transitions).toMatchObject([
      [20_000, slow],
      [expect.any(Number), fast],
    ]);
  });

  it('is probed each second, and healthy again once probes are as fast as before', () => {
    const regions = play({ untilMs: 60_000 }, (all) => {
      slowed(all);
      all.probes.set(frankfurt, ['20ms (a|)']);
    });
    expect(regions.probed().slice(0, 3)).toStrictEqual([
      [21_000, 21_020],
      [22_250, 22_270],
      [23_500, 23_520],
    ]);
    expect(regions.transitions).toMatchObject([
      [20_000, slow],
      [expect.any(Number), fast],
    ]);
    expect(regions.transitions[1]?.[0]).toBeLessThanOrEqual(32_000);
  });

  it('stays degraded while probes are slow, without any request', () => {
    const regions = play({ untilMs: 300_000 }, (all) => {
      slowed(all);
      all.probes.set(frankfurt, ['200ms (a|)']);
    });
    expect(regions.transitions).toStrictEqual([[20_000, slow]]);
  });

  it('reports each probe like any other call', () => {
    const regions = play({ untilMs: 22_500 }, (all) => {
      slowed(all);
      all.probes.set(frankfurt, ['20ms (a|)', '30ms (f|)']);
    });
    const probe = { event: 'vault.call', region: frankfurt, operation: 'probe' };
    expect(regions.events.filter(({ event }) => event === 'vault.call')).toStrictEqual([
      { ...probe, durationMs: 20 },
      { ...probe, durationMs: 30, failure: ends.f },
    ]);
  });

  it('and fails then opens like any other', () => {
    const regions = play({ untilMs: 21_100 }, (all) => {
      slowed(all);
      all.calls('21s fffff');
    });
    expect(regions.transitions).toStrictEqual([
      [20_000, slow],
      [21_004, opens('degraded')],
    ]);
  });

  it('computes its pace from its own answers', () => {
    play({ untilMs: 1_000 }, (all) => {
      all.acts('o 500ms p', {
        o: many(all, 200, 1),
        p: () => {
          const { supervisor } = all;
          expect(supervisor.pace(frankfurt)).toStrictEqual({ attemptTimeoutMs: 150, hedgeAfterMs: 30 });
          expect(supervisor.pace(dublin)).toStrictEqual({ attemptTimeoutMs: 800, hedgeAfterMs: 300 });
        },
      });
    });
  });
});

describe('a region that throttles', () => {
  it('is tried after the others while as many calls as it accepts are in flight, and then first again', () => {
    const regions = play({ untilMs: 5_000 }, (all) => {
      all.acts('1s t 1999ms a', {
        t: () => {
          for (let one = 0; one < 10; one += 1) all.supervisor.begin(frankfurt);
          all.end('t');
        },
        a: () => {
          all.end('a');
          expect(inShort(all.supervisor.order())).toBe('DSF');
          all.end('a');
          expect(inShort(all.supervisor.order())).toBe('FDS');
        },
      });
      all.expectOrders('250ms o 749ms p 1999ms q', { o: 'FDS', p: 'DSF', q: 'FDS' });
    });
    expect(regions.transitions).toStrictEqual([]);
  });

  it('is tried before those that are worse off than that', () => {
    play({ untilMs: 1_000 }, (all) => {
      all.acts('o', {
        o: () => {
          all.supervisor.begin(frankfurt);
          all.supervisor.begin(frankfurt);
          all.end('t');
        },
      });
      all.calls('fffff', { at: stockholm });
      all.expectOrders('o 3ms p', { o: 'DSF', p: 'DFS' });
    });
  });
});

describe('whether a region has quota left', () => {
  it('is reported for each region separately', () => {
    play({ untilMs: 1_000 }, (all) => {
      all.acts('o', {
        o: () => {
          all.supervisor.begin(frankfurt);
          all.supervisor.begin(frankfurt);
          all.end('t');
          const asked = [frankfurt, dublin].map((at) => all.supervisor.isOverQuota(at));
          expect(asked).toStrictEqual([true, false]);
        },
      });
    });
  });
});

describe('regions that refuse us', () => {
  const both = [frankfurt, dublin];
  const shared = (script: (all: SupervisedRegions) => void, of = both): boolean | undefined => {
    let seen: boolean | undefined;
    play({ untilMs: 1_000 }, (all) => {
      script(all);
      all.acts('500ms o', {
        o: () => {
          seen = all.supervisor.hasSharedFault(of);
        },
      });
    });
    return seen;
  };

  it('share a fault when all of those in question are misconfigured for the same reason', () => {
    const same = (all: SupervisedRegions): void => {
      for (const at of both) all.calls('m', { at });
    };
    expect(shared(same)).toBe(true);
    expect(shared(same, [...both, stockholm])).toBe(false);
    expect(shared(same, [frankfurt])).toBe(true);
  });

  it('share none when the reasons differ, when regions are down, and when there are none', () => {
    const differ = (all: SupervisedRegions): void => {
      all.calls('m');
      all.calls('c', { at: dublin });
    };
    const down = (all: SupervisedRegions): void => {
      for (const at of both) all.calls('fffff', { at });
    };
    expect([shared(differ), shared(down), shared(differ, [])]).toStrictEqual([false, false, false]);
  });

  it.each(['encrypt', 'generate'] as const)(
    'only to %s leave the region healthy: keys can be opened there',
    (operation) => {
      const denied: VaultFailure = { kind: 'vault.misconfigured', reason: 'access-denied' };
      const report = (all: SupervisedRegions, call: Pick<VaultCall, 'operation' | 'failure'>) => () => {
        all.supervisor.begin(frankfurt);
        all.supervisor.report({ region: frankfurt, durationMs: 1, ...call });
      };
      const played = (call: Pick<VaultCall, 'operation' | 'failure'>): readonly unknown[] =>
        play({ untilMs: 1_000 }, (all) => {
          all.acts('o', { o: report(all, call) });
        }).transitions;
      expect(played({ operation, failure: denied })).toStrictEqual([]);
      for (const other of ['decrypt', 'read-back'] as const) {
        expect(played({ operation: other, failure: denied })).toHaveLength(1);
      }
      expect(played({ operation, failure: ends.m })).toHaveLength(1);
    },
  );
});

describe('a supervisor that prefers the fastest', () => {
  it('gives a region its place back when it has recovered, among others as fast', () => {
    play({ untilMs: 20_000, prefer: 'fastest' }, (all) => {
      for (const at of [frankfurt, dublin, stockholm]) all.calls('aaaaaaa', { at, durationMs: 100 });
      all.calls('1s fffff');
      all.expectOrders('250ms o 753ms p 3245ms o', { o: 'FDS', p: 'DSF' });
    });
  });

  it('learns the latency of a region without requests from several probes, not from a single one', () => {
    play({ untilMs: 250_000, prefer: 'fastest' }, (all) => {
      all.probes.set(dublin, ['90ms (a|)']);
      all.probes.set(stockholm, ['1ms (a|)', '40ms (a|)']);
      all.calls('25s a '.repeat(9), { durationMs: 100 });
      all.expectOrders('250ms o 211499ms p', { o: 'FDS', p: 'SFD' });
    });
  });

  it('puts the region first that is clearly faster, and leaves equal ones as they are', () => {
    play({ untilMs: 3_000, prefer: 'fastest' }, (all) => {
      for (const at of [frankfurt, dublin]) all.calls('aaaaaaa', { at, durationMs: 100 });
      all.calls('1s aaaaaaa', { at: stockholm, durationMs: 20 });
      all.expectOrders('250ms o 999ms p', { o: 'FDS', p: 'SFD' });
    });
  });
});

describe('an ejected region', () => {
  /** Whether it is, at each of these times. */
  const ejected = (
    marbles: string,
    script: (all: SupervisedRegions) => void,
  ): readonly (readonly [string, boolean])[] => {
    const seen: (readonly [string, boolean])[] = [];
    play({ untilMs: 200_000 }, (all) => {
      script(all);
      all.acts(marbles, {
        o: () => {
          const [kind = '?'] = all.supervisor
            .snapshot()
            .flatMap(({ region: at, state }) => (at === frankfurt ? [state.kind] : []));
          seen.push([kind, all.supervisor.isEjected(frankfurt)]);
          expect(all.supervisor.isDrained(frankfurt)).toBe(kind === 'drained');
          expect(all.supervisor.isEjected(dublin)).toBe(false);
        },
      });
    });
    return seen;
  };

  it('has an open or half-open circuit, and is neither healthy nor recovering', () => {
    expect(ejected('1ms o 998ms o 1999ms o 499ms o 20s o', open)).toStrictEqual([
      ['healthy', false],
      ['open', true],
      ['half-open', true],
      ['recovering', false],
      ['healthy', false],
    ]);
  });

  it('is one that is degraded not', () => {
    const seen = ejected('20100ms o', (all) => {
      all.acts('o 19299ms p 249ms p 249ms p', {
        o: () => {
          for (const at of [frankfurt, dublin, stockholm])
            for (let one = 0; one < 1_000; one += 1) all.call('a', { at, durationMs: 20 });
        },
        p: () => {
          for (const at of [dublin, stockholm])
            for (let one = 0; one < 40; one += 1) all.call('a', { at, durationMs: 20 });
          for (let one = 0; one < 40; one += 1) all.call('a', { durationMs: 200 });
        },
      });
    });
    expect(seen).toStrictEqual([['degraded', false]]);
  });

  it('is one whose key cannot be used', () => {
    expect(
      ejected('1s o', (all) => {
        all.calls('m');
      }),
    ).toStrictEqual([['misconfigured', true]]);
  });

  it('is one that is quarantined or drained', () => {
    expect(
      ejected('1s o 999ms o', (all) => {
        all.calls('w', { id: 'one' });
        all.calls('w', { id: 'two' });
        all.command('drain', 1_500);
      }),
    ).toStrictEqual([
      ['quarantined', true],
      ['drained', true],
    ]);
  });
});

describe('a snapshot', () => {
  it('has the state of each region, in the order of requests', () => {
    let seen: readonly RegionReport[] = [];
    play({ untilMs: 3_000 }, (all) => {
      open(all);
      all.calls('a', { at: dublin, durationMs: 20 });
      all.acts('1s o', {
        o: () => {
          seen = all.supervisor.snapshot();
        },
      });
    });
    const unknown = { p50Ms: undefined, p95Ms: undefined, overQuota: false, transitions: 0 };
    const { p50Ms, p95Ms } = seen[0] ?? unknown;
    expect([p50Ms, p95Ms].map((ms = 0) => Math.abs(ms - 20) <= 2)).toStrictEqual([true, true]);
    const good = { second: 0, successes: 1, failures: 0 };
    expect(seen).toStrictEqual([
      {
        region: dublin,
        state: { kind: 'healthy', calls: { consecutiveFailures: 0, seconds: [good] }, nextProbeMs: 30_000 },
        sinceMs: 1_000,
        why: 'start',
        p50Ms,
        p95Ms,
        overQuota: false,
        transitions: 0,
      },
      {
        region: stockholm,
        state: { kind: 'healthy', calls: noCalls, nextProbeMs: 30_000 },
        sinceMs: 1_000,
        why: 'start',
        ...unknown,
      },
      {
        region: frankfurt,
        state: { kind: 'open', untilMs: 2_504, openMs: 5_000 },
        sinceMs: 996,
        why: 'region.unavailable: refused',
        ...unknown,
        transitions: 1,
      },
    ]);
  });

  it('is emitted when the order changes or a region enters a state, and not otherwise', () => {
    const told: (readonly [number, string])[] = [];
    const regions = play({ untilMs: 15_000 }, (all) => {
      const watching = all.supervisor.report$.subscribe((reports) => {
        told.push([
          reports[0]?.sinceMs ?? NaN,
          reports.map(({ region: at, state }) => `${at} ${state.kind}`).join(),
        ]);
      });
      all.calls('fffff 995ms aaaaaaaaaa', { at: stockholm });
      all.acts('14999ms u', {
        u: () => {
          watching.unsubscribe();
        },
      });
    });
    expect(told).toHaveLength(1 + regions.transitions.length);
    expect(told.map(([, text]) => text.split(',').at(-1))).toStrictEqual([
      'eu-north-1 healthy',
      'eu-north-1 open',
      'eu-north-1 half-open',
      'eu-north-1 recovering',
      'eu-north-1 healthy',
    ]);
  });
});

describe('the stream of reports', () => {
  it('is emitted for each state, also for two that a region enters in one tick', () => {
    const told: (string | undefined)[] = [];
    const regions = play({ untilMs: 30_000 }, (all) => {
      const watching = all.supervisor.report$.subscribe((reports) => {
        told.push(reports.find(({ region: at }) => at === stockholm)?.state.kind);
      });
      all.calls('a'.repeat(2_000), { at: stockholm });
      for (let ms = 11_000; ms < 14_000; ms += 50) {
        all.calls(`${ms}ms a`, { at: stockholm, durationMs: 500 });
      }
      all.calls('14100ms fffff', { at: stockholm });
      all.acts('29900ms u', {
        u: () => {
          watching.unsubscribe();
        },
      });
    });
    const [healthyAgain, degradedAgain] = regions.transitions.slice(-2);
    expect(healthyAgain?.[0]).toBe(degradedAgain?.[0]);
    expect(told.slice(-2)).toStrictEqual(['healthy', 'degraded']);
  });
});

describe('a supervisor', () => {
  it('without subscribers stops its timers and aborts the probe in flight', () => {
    const regions = play({ untilMs: 3_100 }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['-']);
    });
    expect(regions.probed()).toStrictEqual([[2_750, 3_100]]);
  });

  it('works once, however many are subscribed', () => {
    const regions = play({}, (all) => {
      open(all);
      all.work(0, 2_800);
      all.work(100, 3_000);
      all.work(200, 400);
      all.probes.set(frankfurt, ['-']);
    });
    expect(regions.transitions).toStrictEqual(opened);
    expect(regions.probed()).toStrictEqual([[2_750, 3_000]]);
  });

  it('keeps its time by itself when it is given no scheduler', () => {
    const regions = play({ untilMs: 4_000, ownTime: true }, (all) => {
      open(all);
      all.probes.set(frankfurt, ['-']);
    });
    expect(regions.transitions).toStrictEqual([
      ...opened,
      [3_750, opens('half-open', 'region.unavailable: timed-out')],
    ]);
    expect(regions.probed()).toStrictEqual([[2_750, 3_750]]);
  });

  it('continues from the states that it had when it is subscribed to again', () => {
    const regions = play({}, (all) => {
      open(all);
      all.work(0, 1_000);
      all.acts('5s o', {
        o: () => {
          expect(inShort(all.supervisor.order())).toBe('DSF');
        },
      });
      all.work(10_000, 11_000);
    });
    expect(regions.transitions).toStrictEqual([
      [4, opens()],
      [10_250, isTried],
      [10_750, answersAgain],
    ]);
  });

  it('accepts an order from a subscriber while it emits a change', () => {
    const regions = play({}, (all) => {
      const told: string[] = [];
      open(all);
      all.work(0, 1_000, {
        next: (order) => {
          told.push(inShort(order));
          if (inShort(order) === 'DSF') all.supervisor.command(dublin, 'drain');
        },
      });
      all.acts('500ms o', {
        o: () => {
          expect(told).toStrictEqual(['FDS', 'DSF', 'SFD']);
        },
      });
    });
    expect(regions.transitions).toStrictEqual([
      [4, opens()],
      [4, 'eu-west-1: healthy > drained (operator)'],
    ]);
  });

  it('does not know a region that it was not configured with: a call there is a bug', () => {
    play({ untilMs: 100 }, (all) => {
      expect(() => {
        all.call('a', { at: region('us-east-1') });
      }).toThrow('the region us-east-1 is not supervised');
    });
  });
});

describe('whatever happens', () => {
  const at = fc.constantFrom(frankfurt, dublin, stockholm);
  const letter = fc.constantFrom(...(Object.keys(ends) as End[]), 'a', 'f');
  const act = fc.oneof(
    fc.record({
      ms: fc.nat(90_000),
      at,
      calls: fc.array(letter, { maxLength: 12 }),
      id: fc.constantFrom('one', 'two', 'three'),
    }),
    fc.record({ ms: fc.nat(90_000), at, order: fc.constantFrom('drain', 'undrain', 'lift-quarantine') }),
  );
  const probe = fc.constantFrom(
    '(a|)',
    '700ms (a|)',
    '(f|)',
    '-',
    '#',
    '|',
    'throw',
    '(w|)',
    '(m|)',
    'af',
    '2s a',
  );

  it('all regions are in the order, each transition is reported once and follows from the last, and the stream never ends', () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 40 }),
        fc.array(probe, { minLength: 1, maxLength: 10 }),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (acts, probes, chance) => {
          const orders: string[] = [];
          let ended = 0;
          const regions = play({}, (all) => {
            all.chance = chance;
            for (const each of [frankfurt, dublin, stockholm]) all.probes.set(each, probes);
            for (const each of acts) {
              if ('order' in each) all.command(each.order, each.ms, each.at);
              else all.calls(`${each.ms}ms ${each.calls.join('')}`, each);
            }
            all.work(0, 100_000, {
              next: (order) => orders.push(inShort(order)),
              error: () => (ended += 1),
              complete: () => (ended += 1),
            });
          });
          expect(ended).toBe(0);
          expect(orders.length).toBeGreaterThan(0);
          expect(
            orders.filter((order) => !['FDS', 'FSD', 'DFS', 'DSF', 'SFD', 'SDF'].includes(order)),
          ).toStrictEqual([]);
          expect(orders.filter((order, index) => order === orders[index - 1])).toStrictEqual([]);
          for (const each of [frankfurt, dublin, stockholm]) {
            const own = regions.events.flatMap((event) =>
              event.event === 'region.transition' && event.region === each ? [event] : [],
            );
            expect(own.map(({ from }) => from)).toStrictEqual(
              own.map((_, index) => own[index - 1]?.to ?? 'healthy'),
            );
            expect(own.filter(({ from, to }) => from === to)).toStrictEqual([]);
            const probed = regions.probed(each);
            expect(probed.filter(([from = 0], index) => from < (probed[index - 1]?.[1] ?? 0))).toStrictEqual(
              [],
            );
          }
        },
      ),
      { numRuns: manyRuns(50) },
    );
  });
});

describe('a region that answers 400 ms late', () => {
  const isFast = frankfurtGoes('degraded', 'healthy', 'answers in time again');
  /** A region of known pace, all of whose calls time out from `fromMs` on. */
  function late400(all: SupervisedRegions, seconds: number): void {
    all.calls('a 4ms '.repeat(300), { durationMs: 20 });
    all.calls(`5s ${'s 99ms '.repeat(seconds * 10)}`, { durationMs: 150 });
  }

  it('is degraded once, does not open or cycle, and is healthy after three fast probes', () => {
    const regions = play({ untilMs: 130_000 }, (all) => {
      const slow = Array.from({ length: 60 }, () => '400ms (a|)');
      all.probes.set(frankfurt, [...slow, '20ms (a|)']);
      late400(all, 60);
    });
    expect(regions.transitions).toEqual([
      [5_400, late],
      [expect.any(Number), isFast],
    ]);
    expect(regions.transitions[1]?.[0]).toBeLessThan(130_000);
  });

  it('while it was open becomes degraded when its probe answers, and gets no traffic before it is fast', () => {
    const regions = play({ untilMs: 60_000 }, (all) => {
      const slow = Array.from({ length: 20 }, () => '400ms (a|)');
      all.calls(`${'a 4ms '.repeat(300)} 10ms fffff`, { durationMs: 20 });
      all.probes.set(frankfurt, [...slow, '20ms (a|)']);
    });
    const states = regions.transitions.map(([, text]) => /: (.*) \(/.exec(text)?.[1]);
    expect(states).toEqual([
      'healthy > open',
      'open > half-open',
      'half-open > degraded',
      'degraded > healthy',
    ]);
  });

  it('is as silent for hedges as a region that is down, but stays a candidate for new keys', () => {
    const seen: unknown[] = [];
    play({ untilMs: 10_000 }, (all) => {
      all.probes.set(frankfurt, ['400ms (a|)']);
      late400(all, 3);
      all.acts('7s o', {
        o: () => seen.push([all.supervisor.isSilent(frankfurt), all.supervisor.isEjected(frankfurt)]),
      });
    });
    expect(seen).toEqual([[true, false]]);
  });
});

describe('a region that is stopped for less than a probe may take', () => {
  it('never opens, and is healthy within seconds, however often that happens', () => {
    const regions = play({ untilMs: 100_000 }, (all) => {
      for (let at = 0; at < 10; at += 1)
        all.calls(`${at * 10 + 1}s sssssssssssssssssssssssss`, { durationMs: 800 });
      all.probes.set(
        frankfurt,
        Array.from({ length: 10 }, () => ['500ms (a|)', '20ms (a|)', '20ms (a|)', '20ms (a|)']).flat(),
      );
    });
    const states = regions.transitions.map(([, text]) => /: (.*) \(/.exec(text)?.[1]);
    expect(states).toEqual(
      Array.from({ length: 10 }, () => ['healthy > degraded', 'degraded > healthy']).flat(),
    );
  });
});

describe('a probe during which this process was paused', () => {
  it('that fails says nothing: the region is probed again', () => {
    const regions = play({ untilMs: 5_000 }, (all) => {
      open(all);
      all.lateMs = 100;
      all.probes.set(frankfurt, ['-', '(a|)']);
    });
    expect(regions.transitions.map(([, text]) => text)).toEqual([opens(), isTried, answersAgain]);
  });
});
