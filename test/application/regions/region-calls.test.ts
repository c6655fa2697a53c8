// Calls to vaults: in which order, how they end, and that every end is reported once.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { EMPTY, VirtualTimeScheduler } from 'rxjs';
import { hedgeLost } from '../../../src/application/resilience/hedged-race.js';
import { firstAnswer } from '../../../src/application/regions/first-answer.js';
import { RegionCalls, type RegionAct } from '../../../src/application/regions/region-calls.js';
import { RegionSupervisor } from '../../../src/application/regions/region-supervisor.js';
import type { DataKey } from '../../../src/domain/keys/data-key.js';
import { generationContext } from '../../../src/domain/keys/encryption-context.js';
import { afterVaultFailure, type VaultFailure } from '../../../src/domain/failures/region-failures.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { settle } from '../../support/manual-clock.js';
import { keyId, region } from '../../support/names.js';
import { hexOf, isWiped } from '../../support/sample-keys.js';
import type { Step } from '../../support/scripted-vault.js';
import { settings } from '../../support/supervised-regions.js';
import { timedOut, vaultFailureKinds, vaultFailures } from '../../support/vault-failures.js';
import {
  attemptTimeoutMs,
  hedgeAfterMs,
  minPauseMs,
  maxPauseMs,
  ours,
  patience,
  VirtualService,
} from '../../support/virtual-service.js';

const context = generationContext({ deployment: ours, id: keyId('a'), version: firstVersion });
const generating: RegionAct<DataKey> = {
  operation: 'generate',
  keyId: keyId('a'),
  run: (vault, signal) => vault.generateDataKey(32, context, signal),
  discard: (late) => {
    late.wipe();
  },
};

let service: VirtualService;
beforeEach(() => {
  service = new VirtualService();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const regionNames = (): readonly string[] => service.vaults.map(({ region: name }) => name);
const hedgeOf = (report: unknown): unknown => ({ ...(report as object), hedge: true });
const callCounts = (): readonly number[] => service.vaults.map(({ calls }) => calls.length);
const reportOf = (index: number, durationMs: number, failure?: VaultFailure): unknown => ({
  event: 'vault.call',
  region: service.vaults[index]?.region,
  operation: 'generate',
  keyId: 'a',
  durationMs,
  ...(failure && { failure }),
});

describe('one call to one region', () => {
  it('answers what the vault answers, and reports it once to selector and telemetry', async () => {
    const { regions, vaults, guide, telemetry } = service;
    const answer = await regions.call(vaults[1], generating, patience());
    expect(answer.map(hexOf)).toEqual(ok(vaults[1].handedOut.map(hexOf)[0]));
    const report = reportOf(1, 0);
    expect(guide.reports).toStrictEqual([report]);
    expect(telemetry.events).toStrictEqual([report]);
  });

  it.each(vaultFailureKinds)('that fails with %s is reported once with that failure', async (kind) => {
    const { regions, vaults, guide, telemetry } = service;
    vaults[0].fails(kind);
    const failure = vaultFailures[kind];
    expect(await regions.call(vaults[0], generating, patience())).toEqual(err(failure));
    const report = reportOf(0, 0, failure);
    expect(guide.reports).toStrictEqual([report]);
    expect(telemetry.events).toStrictEqual([report]);
  });

  it('is reported with how long it took, from its own beginning', async () => {
    const { regions, vaults, guide, telemetry, clock } = service;
    await clock.advance(5_000);
    vaults[0].fails('hold');
    const answer = regions.call(vaults[0], generating, patience());
    await clock.advance(123);
    vaults[0].release();
    expect((await answer).isOk()).toBe(true);
    const report = reportOf(0, 123);
    expect([guide.reports, telemetry.events]).toStrictEqual([[report], [report]]);
  });

  it.each(['hang', 'hang-until-aborted'] as const)(
    'to a vault that does %s ends at the time-out',
    async (step) => {
      const { regions, vaults, guide, telemetry, clock } = service;
      vaults[0].fails(step);
      const answer = regions.call(vaults[0], generating, patience());
      await clock.advance(attemptTimeoutMs - 1);
      expect(guide.reports).toEqual([]);
      await clock.advance(1);
      expect(await answer).toEqual(err(timedOut));
      const report = reportOf(0, attemptTimeoutMs, timedOut);
      expect([guide.reports, telemetry.events]).toStrictEqual([[report], [report]]);
      expect(vaults[0].signals.map(({ aborted }) => aborted)).toEqual([true]);
    },
  );

  it('that comes back too late is reported once, and its key is wiped', async () => {
    const { regions, vaults, guide, clock } = service;
    vaults[0].fails('hold');
    const answer = regions.call(vaults[0], generating, patience());
    await clock.advance(attemptTimeoutMs);
    vaults[0].release();
    await settle();
    expect(await answer).toEqual(err(timedOut));
    expect(vaults[0].handedOut.map(isWiped)).toEqual([true]);
    expect(guide.reports).toHaveLength(1);
  });

  it.each(['hang', 'hang-until-aborted'] as const)(
    'ends as aborted when the signal fires (%s)',
    async (step) => {
      const { regions, vaults, guide, clock } = service;
      vaults[0].fails(step);
      const caller = new AbortController();
      const answer = regions.call(vaults[0], generating, caller.signal);
      await clock.advance(10);
      caller.abort();
      const failure: VaultFailure = { kind: 'call.aborted' };
      expect(await answer).toEqual(err(failure));
      expect(guide.reports).toMatchObject([{ durationMs: 10, failure }]);
      expect(vaults[0].signals.map(({ aborted }) => aborted)).toEqual([true]);
    },
  );

  it("ends at the region's own time-out", async () => {
    const { regions, vaults, guide, clock } = service;
    guide.paces.set(vaults[0].region, { attemptTimeoutMs: 150, hedgeAfterMs: 30 });
    vaults[0].fails('hang');
    const answer = regions.call(vaults[0], generating, patience());
    await clock.advance(150);
    expect(await answer).toEqual(err(timedOut));
    expect(guide.reports).toStrictEqual([reportOf(0, 150, timedOut)]);
  });

  it('is reported to the selector when it begins and when it ends', async () => {
    const { regions, vaults, guide } = service;
    vaults[1].fails('hold');
    const answer = regions.call(vaults[1], generating, patience());
    expect([guide.begun, guide.reports]).toStrictEqual([['eu-west-1'], []]);
    vaults[1].release();
    await answer;
    expect([guide.begun, guide.reports]).toStrictEqual([['eu-west-1'], [reportOf(1, 0)]]);
  });

  it('is counted when it begins, and not when it is aborted before', async () => {
    const { vaults, guide, clock, telemetry } = service;
    const counted: string[] = [];
    const onCall = (at: string): unknown => counted.push(at);
    const calls = new RegionCalls(vaults, guide, clock, telemetry, { minPauseMs, maxPauseMs, onCall });
    vaults[1].fails('hang');
    const caller = new AbortController();
    const answer = calls.call(vaults[1], generating, caller.signal);
    expect(counted).toEqual(['eu-west-1']);
    caller.abort();
    await answer;
    await calls.call(vaults[0], generating, caller.signal);
    expect(counted).toEqual(['eu-west-1']);
  });

  it('that lost to a hedge is reported as region.unavailable, so that it counts as a failure', async () => {
    const { regions, vaults, guide, telemetry, clock } = service;
    vaults[0].fails('hang');
    const loser = new AbortController();
    const answer = regions.call(vaults[0], generating, loser.signal);
    await clock.advance(40);
    loser.abort(hedgeLost);
    expect(await answer).toEqual(err({ kind: 'call.aborted' }));
    const report = reportOf(0, 40, { kind: 'region.unavailable', reason: 'hedge-lost' });
    expect([guide.reports, telemetry.events]).toStrictEqual([[report], [report]]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'that loses to a hedge %d turns after its beginning is reported as it ended',
    async (turns) => {
      const { regions, vaults, guide } = service;
      const loser = new AbortController();
      vaults[0].fails('region.throttled');
      const answer = regions.call(vaults[0], generating, loser.signal);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      loser.abort(hedgeLost);
      const lost: VaultFailure = { kind: 'region.unavailable', reason: 'hedge-lost' };
      const failure = (await answer)._unsafeUnwrapErr();
      expect(guide.reports).toStrictEqual([reportOf(0, 0, failure.kind === 'call.aborted' ? lost : failure)]);
    },
  );

  it('is neither made nor reported for a caller who has left', async () => {
    const { regions, vaults, guide, telemetry } = service;
    const answer = regions.call(vaults[0], generating, AbortSignal.abort());
    expect(await answer).toEqual(err({ kind: 'call.aborted' }));
    expect([vaults[0].calls, guide.begun, guide.reports, telemetry.events]).toStrictEqual([[], [], [], []]);
  });

  it('with a bug in the vault rejects, and its end is reported', async () => {
    const { regions, vaults, guide, telemetry } = service;
    vaults[0].fails('throw');
    const answer = async (): Promise<unknown> => await regions.call(vaults[0], generating, patience());
    await expect(answer).rejects.toThrow('a bounded call threw');
    expect(guide.begun).toStrictEqual(['eu-central-1']);
    expect(guide.reports).toMatchObject([{ failure: { kind: 'vault.request-invalid' } }]);
    expect(telemetry.events).toStrictEqual(guide.reports);
  });
});

describe('trying regions for the first answer', () => {
  const first = async (signal = patience()): Promise<unknown> =>
    (await firstAnswer(service.regions, generating, signal)).map(({ region: name }) => name);

  it('knows the regions as they are configured', () => {
    expect(service.regions.regions).toEqual(regionNames());
  });

  it('calls only the first region when it answers', async () => {
    expect(await first()).toEqual(ok('eu-central-1'));
    expect(callCounts()).toEqual([1, 0, 0]);
  });

  const effort = async (): Promise<unknown> =>
    (await firstAnswer(service.regions, generating, patience())).map(({ attempts, hedged }) => [
      attempts,
      hedged,
    ]);

  it('says how many calls it took, and whether one of them was a hedge', async () => {
    expect(await effort()).toEqual(ok([1, false]));
    service.vaults[0].fails('region.untrusted');
    expect(await effort()).toEqual(ok([2, false]));
    service.vaults[0].fails('hang');
    const hedged = effort();
    await service.clock.advance(hedgeAfterMs);
    expect(await hedged).toEqual(ok([2, true]));
    await service.clock.advance(attemptTimeoutMs);
  });

  it('counts the calls of both passes', async () => {
    for (const vault of service.vaults) vault.fails('region.unavailable');
    service.vaults[1].script('generateDataKey', 'region.unavailable', 'answer');
    const twice = effort();
    await service.clock.advance(maxPauseMs);
    expect(await twice).toEqual(ok([5, false]));
  });

  it('answers with the value that the region gave', async () => {
    const answer = await firstAnswer(service.regions, generating, patience());
    expect(answer.map(({ value }) => hexOf(value))).toEqual(ok(service.vaults[0].handedOut.map(hexOf)[0]));
  });

  const passing = vaultFailureKinds.filter(
    (kind) => afterVaultFailure(vaultFailures[kind]) === 'next-region',
  );
  it.each(passing)('goes on to the next region after %s, in order', async (kind) => {
    service.vaults[0].fails(kind);
    expect(await first()).toEqual(ok('eu-west-1'));
    service.vaults[1].fails(kind);
    expect(await first()).toEqual(ok('eu-north-1'));
    expect(callCounts()).toEqual([2, 2, 1]);
    expect(service.guide.reports.map((report) => [report.region, report.failure?.kind])).toEqual([
      ['eu-central-1', kind],
      ['eu-west-1', undefined],
      ['eu-central-1', kind],
      ['eu-west-1', kind],
      ['eu-north-1', undefined],
    ]);
    expect(service.telemetry.events).toEqual(service.guide.reports);
  });

  it.each(['vault.request-invalid', 'call.aborted'] as const)('stops at %s', async (kind) => {
    const [one, two] = service.vaults;
    one.fails('region.throttled');
    two.fails(kind);
    const attempts = [
      { region: one.region, failure: vaultFailures['region.throttled'] },
      { region: two.region, failure: vaultFailures[kind] },
    ];
    expect(await first()).toEqual(err(attempts));
    expect(callCounts()).toEqual([1, 1, 0]);
  });

  const noHedges = (): void => {
    for (const name of service.guide.regions)
      service.guide.paces.set(name, { attemptTimeoutMs, hedgeAfterMs: 2 * attemptTimeoutMs });
  };

  it.each(['hang', 'hang-until-aborted'] as const)(
    'goes on after the time-out of a vault that does %s',
    async (step) => {
      noHedges();
      service.vaults[0].fails(step);
      service.vaults[1].fails(step);
      const answer = first();
      await service.clock.advance(attemptTimeoutMs);
      expect(callCounts()).toEqual([1, 1, 0]);
      await service.clock.advance(attemptTimeoutMs);
      expect(await answer).toEqual(ok('eu-north-1'));
    },
  );

  it('lists every attempt in order when no region answers', async () => {
    const [one, two, three] = service.vaults;
    noHedges();
    one.fails('region.untrusted');
    two.fails('hang');
    three.fails('vault.misconfigured');
    const answer = first();
    await service.clock.advance(2 * attemptTimeoutMs + maxPauseMs);
    const attempts = [
      { region: one.region, failure: vaultFailures['region.untrusted'] },
      { region: two.region, failure: timedOut },
      { region: three.region, failure: vaultFailures['vault.misconfigured'] },
    ];
    expect(await answer).toEqual(err([...attempts, ...attempts.slice(1, 2)]));
    expect(callCounts()).toEqual([1, 2, 1]);
  });

  it('ends at once when the signal fires, with the attempts so far, and calls no other region', async () => {
    const [one, two] = service.vaults;
    one.fails('region.unavailable');
    two.fails('hang');
    const caller = new AbortController();
    const answer = first(caller.signal);
    await service.clock.advance(1);
    caller.abort();
    const attempts = [
      { region: one.region, failure: vaultFailures['region.unavailable'] },
      { region: two.region, failure: vaultFailures['call.aborted'] },
    ];
    expect(await answer).toEqual(err(attempts));
    expect(callCounts()).toEqual([1, 1, 0]);
  });

  it('calls no region for a caller who has already left', async () => {
    const attempts = [{ region: region('eu-central-1'), failure: vaultFailures['call.aborted'] }];
    expect(await first(AbortSignal.abort())).toEqual(err(attempts));
    expect(callCounts()).toEqual([0, 0, 0]);
  });

  it("follows the selector's current order", async () => {
    service.guide.regions = ['eu-north-1', 'eu-central-1', 'eu-west-1'].map(region);
    service.vaults[2].fails('region.unavailable');
    expect(await first()).toEqual(ok('eu-central-1'));
    expect(callCounts()).toEqual([1, 0, 1]);
  });

  it('skips a region of the selector that has no vault', async () => {
    service.guide.regions = ['us-east-1', 'eu-west-1'].map(region);
    expect(await first()).toEqual(ok('eu-west-1'));
    expect(callCounts()).toEqual([0, 1, 0]);
  });

  it('skips the regions without what is needed', async () => {
    const has = (name: string): boolean => name !== 'eu-central-1';
    const answer = await firstAnswer(service.regions, generating, patience(), has);
    expect(answer.map(({ region: name }) => name)).toEqual(ok('eu-west-1'));
    expect(callCounts()).toEqual([0, 1, 0]);
  });

  it('fails without an attempt when no region has what is needed', async () => {
    expect(await firstAnswer(service.regions, generating, patience(), () => false)).toEqual(err([]));
    expect(callCounts()).toEqual([0, 0, 0]);
  });
});

describe('a region that does not answer', () => {
  const first = async (signal = patience()): Promise<unknown> =>
    (await firstAnswer(service.regions, generating, signal)).map(({ region: name }) => name);

  it('costs one hedge: the next one answers when the time of the first is over', async () => {
    service.vaults[0].fails('hang');
    const answer = first();
    await service.clock.advance(hedgeAfterMs - 1);
    expect(callCounts()).toEqual([1, 0, 0]);
    await service.clock.advance(1);
    expect(await answer).toEqual(ok('eu-west-1'));
    expect(callCounts()).toEqual([1, 1, 0]);
  });

  it('is aborted then, and reported as a lost hedge after the call that won', async () => {
    service.vaults[0].fails('hang-until-aborted');
    const answer = first();
    await service.clock.advance(hedgeAfterMs);
    await answer;
    expect(service.vaults[0].signals.map(({ aborted }) => aborted)).toEqual([true]);
    const lost: VaultFailure = { kind: 'region.unavailable', reason: 'hedge-lost' };
    const reports = [hedgeOf(reportOf(1, 0)), reportOf(0, hedgeAfterMs, lost)];
    expect([service.guide.reports, service.telemetry.events]).toStrictEqual([reports, reports]);
  });

  it('that was itself the hedge of a region which then answered is reported as aborted, not as a lost hedge', async () => {
    service.vaults[0].fails('hold');
    service.vaults[1].fails('hang');
    const answer = first();
    await service.clock.advance(hedgeAfterMs + 10);
    service.vaults[0].release();
    expect(await answer).toEqual(ok('eu-central-1'));
    await settle();
    expect(service.guide.reports).toStrictEqual([
      reportOf(0, hedgeAfterMs + 10),
      hedgeOf(reportOf(1, 10, vaultFailures['call.aborted'])),
    ]);
  });

  it.each(Array.from({ length: 30 }, (_, turns) => turns))(
    'that answers %d turns after another one has its key wiped',
    async (turns) => {
      service.vaults[0].fails('hold');
      service.vaults[1].fails('hold');
      const answer = firstAnswer(service.regions, generating, patience());
      await service.clock.advance(hedgeAfterMs);
      service.vaults[1].release();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      service.vaults[0].release();
      const won = (await answer).map(({ value }) => hexOf(value));
      await settle();
      const alive = service.vaults.flatMap(({ handedOut }) => handedOut).filter((key) => !isWiped(key));
      expect(alive.map((key) => ok(hexOf(key)))).toEqual([won]);
      expect(service.vaults.map(({ handedOut }) => handedOut.length)).toEqual([1, 1, 0]);
    },
  );

  it('is waited for once the budget is used up, until four in a hundred requests have earned more', async () => {
    service.vaults[0].fails('hang');
    const hedgedOf = async (count: number): Promise<number> => {
      const before = callCounts()[1] ?? 0;
      const answers = Array.from({ length: count }, () => first());
      await service.clock.advance(hedgeAfterMs);
      const hedged = (callCounts()[1] ?? 0) - before;
      await service.clock.advance(attemptTimeoutMs);
      expect(await Promise.all(answers)).toEqual(answers.map(() => ok('eu-west-1')));
      return hedged;
    };
    expect(await hedgedOf(100)).toBe(10);
    expect(await hedgedOf(100)).toBe(4);
    expect(await hedgedOf(100)).toBe(4);
  });

  it('that turns out to be down frees a burst of a hundred within 20 ms', async () => {
    service.vaults[0].fails('hang');
    const answers = Array.from({ length: 100 }, () => first());
    await service.clock.advance(hedgeAfterMs + 10);
    expect(callCounts()).toEqual([100, 10, 0]);
    service.guide.ejected.add(service.vaults[0].region);
    await service.clock.advance(20);
    expect(callCounts()).toEqual([100, 100, 0]);
    expect(await Promise.all(answers)).toEqual(answers.map(() => ok('eu-west-1')));
  });

  it('frees a burst of a hundred by itself, within 20 ms of the moment from which it counts as slow', async () => {
    const { clock, vaults, telemetry } = service;
    // Nobody moves the time of its ticks: what it learns it learns from the calls.
    const supervisor = new RegionSupervisor(
      regionNames().map(region),
      () => EMPTY,
      clock,
      telemetry,
      settings,
      new VirtualTimeScheduler(),
    );
    const working = supervisor.order$.subscribe();
    const calls = new RegionCalls(vaults, supervisor, clock, telemetry, { minPauseMs, maxPauseMs });
    vaults[0].fails('hang');
    const held = Array.from({ length: 10 }, () => 'hold' as const);
    vaults[1].script('generateDataKey', ...held, 'answer');
    const answers = Array.from({ length: 100 }, () => firstAnswer(calls, generating, patience()));
    const { hedgeAfterMs: silentMs } = supervisor.pace(vaults[0].region);
    await clock.advance(silentMs + 5);
    expect([callCounts(), supervisor.isSilent(vaults[0].region)]).toEqual([[100, 10, 0], false]);
    vaults[1].release();
    await settle();
    expect([callCounts(), supervisor.isSilent(vaults[0].region)]).toEqual([[100, 10, 0], true]);
    await clock.advance(20);
    expect(callCounts()).toEqual([100, 100, 0]);
    const winners = (await Promise.all(answers)).map((answer) => answer.map(({ region: name }) => name));
    expect(winners).toEqual(answers.map(() => ok('eu-west-1')));
    const transitions = telemetry.events.filter(({ event }) => event === 'region.transition');
    expect(transitions).toMatchObject([{ region: 'eu-central-1', from: 'healthy', to: 'degraded' }]);
    working.unsubscribe();
  });

  it('that is ejected is hedged without using the budget', async () => {
    service.vaults[0].fails('hang');
    service.guide.ejected.add(service.vaults[0].region);
    const burst = Array.from({ length: 100 }, () => first());
    await service.clock.advance(hedgeAfterMs);
    expect(callCounts()).toEqual([100, 100, 0]);
    service.guide.ejected.clear();
    const later = Array.from({ length: 100 }, () => first());
    await service.clock.advance(hedgeAfterMs);
    expect(callCounts()).toEqual([200, 110, 0]);
    await service.clock.advance(attemptTimeoutMs);
    const answers = [...burst, ...later];
    expect(await Promise.all(answers)).toEqual(answers.map(() => ok('eu-west-1')));
  });

  it('is not hedged by a region that is over its quota, unless it is known to be down', async () => {
    service.vaults[0].fails('hang');
    service.guide.overQuota.add(service.vaults[1].region);
    const waiting = first();
    await service.clock.advance(hedgeAfterMs + 100);
    expect(callCounts()).toEqual([1, 0, 0]);
    service.guide.ejected.add(service.vaults[0].region);
    await service.clock.advance(20);
    expect(callCounts()).toEqual([1, 1, 0]);
    expect(await waiting).toEqual(ok('eu-west-1'));
  });

  it('is no reason to ask twice for a hundred readers of healthy regions: one call for each', async () => {
    await Promise.all(Array.from({ length: 100 }, () => first()));
    await service.clock.advance(10_000);
    expect(callCounts()).toEqual([100, 0, 0]);
  });
});

describe('regions that all refuse us for the same reason', () => {
  const refuse = (): void => {
    for (const vault of service.vaults) {
      vault.fails('vault.misconfigured');
      service.guide.faults.set(vault.region, 'disabled');
    }
  };

  it('are represented by one of them, whose failure ends the search at once', async () => {
    refuse();
    const [one] = service.vaults;
    expect(await firstAnswer(service.regions, generating, patience())).toEqual(
      err([{ region: one.region, failure: vaultFailures['vault.misconfigured'] }]),
    );
    expect(callCounts()).toEqual([1, 0, 0]);
  });

  it('are represented by the first that has what is needed', async () => {
    refuse();
    await firstAnswer(service.regions, generating, patience(), (name) => name !== 'eu-central-1');
    expect(callCounts()).toEqual([0, 1, 0]);
  });

  it('are called one after the other when the first fails in another way', async () => {
    refuse();
    service.vaults[0].fails('ciphertext.rejected');
    service.vaults[1].fails('answer');
    const answer = await firstAnswer(service.regions, generating, patience());
    expect(answer.map(({ region: name }) => name)).toEqual(ok('eu-west-1'));
    expect(callCounts()).toEqual([1, 1, 0]);
  });

  it('serve again as soon as that one does', async () => {
    refuse();
    service.vaults[0].fails('answer');
    const answer = await firstAnswer(service.regions, generating, patience());
    expect(answer.map(({ region: name }) => name)).toEqual(ok('eu-central-1'));
  });
});

describe('a second pass', () => {
  const first = async (signal = patience()): Promise<unknown> =>
    (await firstAnswer(service.regions, generating, signal)).map(({ region: name }) => name);
  const failing = (...steps: readonly Step[]): void => {
    for (const [index, step] of steps.entries()) service.vaults[index]?.fails(step);
  };

  it.each(['region.unavailable', 'region.throttled'] as const)(
    'follows a first one in which a region failed with %s, after a pause, in order',
    async (kind) => {
      failing('ciphertext.rejected', kind, 'region.untrusted');
      service.vaults[1].script('generateDataKey', kind, 'answer');
      const answer = first();
      await service.clock.advance(minPauseMs - 1);
      expect(callCounts()).toEqual([1, 1, 1]);
      await service.clock.advance(maxPauseMs - minPauseMs + 1);
      expect(await answer).toEqual(ok('eu-west-1'));
      expect(callCounts()).toEqual([1, 2, 1]);
    },
  );

  const passing = ['region.unavailable', 'region.throttled'] as const;
  it.each(
    vaultFailureKinds.filter(
      (kind) =>
        afterVaultFailure(vaultFailures[kind]) === 'next-region' && !passing.some((each) => each === kind),
    ),
  )('asks only those again whose failure may pass, not one that failed with %s', async (kind) => {
    failing('region.throttled', kind, 'region.unavailable');
    service.vaults[1].script('generateDataKey', kind, 'answer');
    const answer = first();
    await service.clock.advance(maxPauseMs);
    const [one, two, three] = service.vaults;
    expect(await answer).toEqual(
      err([
        { region: one.region, failure: vaultFailures['region.throttled'] },
        { region: two.region, failure: vaultFailures[kind] },
        { region: three.region, failure: vaultFailures['region.unavailable'] },
        { region: one.region, failure: vaultFailures['region.throttled'] },
        { region: three.region, failure: vaultFailures['region.unavailable'] },
      ]),
    );
    expect(callCounts()).toEqual([2, 1, 2]);
  });

  it('asks no region again that throttled and has no quota left', async () => {
    failing('region.throttled', 'region.unavailable', 'region.throttled');
    service.guide.overQuota.add(service.vaults[0].region);
    const answer = first();
    await service.clock.advance(maxPauseMs);
    expect(await answer).toMatchObject({ error: { length: 5 } });
    expect(callCounts()).toEqual([1, 2, 2]);
  });

  it('is not begun when all throttle and none has quota left', async () => {
    failing('region.throttled', 'region.throttled', 'region.throttled');
    for (const vault of service.vaults) service.guide.overQuota.add(vault.region);
    expect(await first()).toMatchObject({ error: { length: 3 } });
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  it('calls no region without what is needed', async () => {
    failing('region.unavailable', 'region.unavailable', 'region.unavailable');
    const has = (name: string): boolean => name !== 'eu-west-1';
    const answer = firstAnswer(service.regions, generating, patience(), has);
    await service.clock.advance(maxPauseMs);
    expect((await answer).isErr()).toBe(true);
    expect(callCounts()).toEqual([2, 0, 2]);
  });

  it('is the last one, and its attempts come after those of the first', async () => {
    failing('region.unavailable', 'region.throttled', 'region.unavailable');
    const answer = first();
    await service.clock.advance(100 * maxPauseMs);
    const attempts = (['region.unavailable', 'region.throttled', 'region.unavailable'] as const).map(
      (kind, index) => ({ region: service.vaults[index]?.region, failure: vaultFailures[kind] }),
    );
    expect(await answer).toEqual(err([...attempts, ...attempts]));
    expect(callCounts()).toEqual([2, 2, 2]);
  });

  it.each([
    ['vault.misconfigured', 'vault.misconfigured', 'vault.misconfigured'],
    ['credentials.invalid', 'credentials.invalid', 'credentials.invalid'],
    ['ciphertext.rejected', 'ciphertext.mismatched', 'region.untrusted'],
  ] as const)('does not repeat what would only be refused again: %s, %s, %s', async (...kinds) => {
    failing(...kinds);
    const attempts = kinds.map((kind, index) => ({
      region: service.vaults[index]?.region,
      failure: vaultFailures[kind],
    }));
    expect(await first()).toEqual(err(attempts));
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  it('calls the regions in the order that the selector has then', async () => {
    failing('region.unavailable', 'region.unavailable', 'region.unavailable');
    const answer = first();
    await settle();
    failing('answer', 'answer', 'answer');
    service.guide.regions = ['eu-north-1', 'eu-central-1', 'eu-west-1'].map(region);
    await service.clock.advance(maxPauseMs);
    expect(await answer).toEqual(ok('eu-north-1'));
  });

  it.each([
    [0, minPauseMs],
    [0.5, (minPauseMs + maxPauseMs) / 2],
    [0.999_999, maxPauseMs],
  ])('comes after a pause at random: by the chance of %d, %d ms', async (chance, pauseMs) => {
    service.clock.random = () => chance;
    failing('region.unavailable', 'region.unavailable', 'region.unavailable');
    const answer = first();
    await service.clock.advance(pauseMs - 1);
    expect(callCounts()).toEqual([1, 1, 1]);
    await service.clock.advance(1);
    expect(callCounts()).toEqual([2, 2, 2]);
    await answer;
  });

  it('ends at once when the caller leaves during the pause, without another call', async () => {
    failing('region.unavailable', 'region.unavailable', 'region.unavailable');
    const caller = new AbortController();
    const answer = first(caller.signal);
    await service.clock.advance(10);
    caller.abort();
    const attempts = service.vaults.map((vault) => ({
      region: vault.region,
      failure: vaultFailures['region.unavailable'],
    }));
    const last = { region: service.vaults[0].region, failure: vaultFailures['call.aborted'] };
    expect(await answer).toEqual(err([...attempts, last]));
    expect([callCounts(), service.clock.monotonicMs(), service.clock.pending]).toEqual([[1, 1, 1], 10, 0]);
  });

  it('is not begun for a caller who left during the first', async () => {
    failing('region.unavailable', 'region.unavailable', 'hang');
    const caller = new AbortController();
    const answer = first(caller.signal);
    await settle();
    caller.abort();
    expect(await answer).toMatchObject({ error: { length: 3 } });
    expect([callCounts(), service.clock.pending]).toEqual([[1, 1, 1], 0]);
  });

  it.each(Array.from({ length: 60 }, (_, turns) => turns))(
    'is not waited for by a caller who leaves %d turns after the beginning',
    async (turns) => {
      failing('region.unavailable', 'region.unavailable', 'region.unavailable');
      const caller = new AbortController();
      let ended = false;
      const answer = first(caller.signal).then((attempts) => {
        ended = true;
        return attempts;
      });
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      caller.abort();
      await settle();
      expect([ended, service.clock.pending]).toStrictEqual([true, 0]);
      await answer;
    },
  );

  it('leaves no listener behind on the signal of a caller who stays', async () => {
    failing('region.unavailable', 'region.unavailable', 'region.unavailable');
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const answer = first(signal);
    await service.clock.advance(maxPauseMs);
    await answer;
    const listeners = ({ mock }: typeof added | typeof removed): readonly unknown[] =>
      mock.calls.map(([, listener]) => listener);
    expect(new Set(listeners(removed))).toStrictEqual(new Set(listeners(added)));
    expect(removed.mock.calls).toHaveLength(added.mock.calls.length);
  });
});
