// Calls to vaults: in which order, how they end, and that every end is reported once.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import type { RegionAct } from '../../src/application/region-calls.js';
import type { DataKey } from '../../src/domain/data-key.js';
import { generationContext } from '../../src/domain/encryption-context.js';
import { afterVaultFailure, type VaultFailure } from '../../src/domain/failures.js';
import { firstVersion } from '../../src/domain/ids.js';
import { settle } from '../support/manual-clock.js';
import { keyId, region } from '../support/names.js';
import { hexOf, isWiped } from '../support/sample-keys.js';
import { timedOut, vaultFailureKinds, vaultFailures } from '../support/vault-failures.js';
import { attemptTimeoutMs, ours, patience, VirtualService } from '../support/virtual-service.js';

const context = generationContext({ deployment: ours, id: keyId('a'), version: firstVersion });
const generating: RegionAct<DataKey> = {
  operation: 'generate',
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
const callCounts = (): readonly number[] => service.vaults.map(({ calls }) => calls.length);

describe('one call to one region', () => {
  it('answers what the vault answers, and reports it once to guide and telemetry', async () => {
    const { regions, vaults, guide, telemetry } = service;
    const answer = await regions.call(vaults[1], generating, patience());
    expect(answer.map(hexOf)).toEqual(ok(vaults[1].handedOut.map(hexOf)[0]));
    const report = { event: 'vault.call', region: 'eu-west-1', operation: 'generate', durationMs: 0 };
    expect(guide.reports).toStrictEqual([report]);
    expect(telemetry.events).toStrictEqual([report]);
  });

  it.each(vaultFailureKinds)('that fails with %s is reported once with that failure', async (kind) => {
    const { regions, vaults, guide, telemetry } = service;
    vaults[0].fails(kind);
    const failure = vaultFailures[kind];
    expect(await regions.call(vaults[0], generating, patience())).toEqual(err(failure));
    const report = {
      event: 'vault.call',
      region: 'eu-central-1',
      operation: 'generate',
      durationMs: 0,
      failure,
    };
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
    const report = { event: 'vault.call', region: 'eu-central-1', operation: 'generate', durationMs: 123 };
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
      const report = {
        event: 'vault.call',
        region: 'eu-central-1',
        operation: 'generate',
        durationMs: attemptTimeoutMs,
        failure: timedOut,
      };
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

  it('with a bug in the vault rejects', async () => {
    const { regions, vaults } = service;
    vaults[0].fails('throw');
    await expect(async () => await regions.call(vaults[0], generating, patience())).rejects.toThrow(
      'a bounded call threw',
    );
  });
});

describe('trying regions for the first answer', () => {
  const first = async (signal = patience()): Promise<unknown> =>
    (await service.regions.firstAnswer(generating, signal)).map(({ region: name }) => name);

  it('knows the regions as they are configured', () => {
    expect(service.regions.regions).toEqual(regionNames());
  });

  it('asks the first region alone when it answers', async () => {
    expect(await first()).toEqual(ok('eu-central-1'));
    expect(callCounts()).toEqual([1, 0, 0]);
  });

  it('answers with the value that the region gave', async () => {
    const answer = await service.regions.firstAnswer(generating, patience());
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

  it.each(['hang', 'hang-until-aborted'] as const)(
    'goes on after the time-out of a vault that does %s',
    async (step) => {
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
    one.fails('region.untrusted');
    two.fails('hang');
    three.fails('vault.misconfigured');
    const answer = first();
    await service.clock.advance(attemptTimeoutMs);
    const attempts = [
      { region: one.region, failure: vaultFailures['region.untrusted'] },
      { region: two.region, failure: timedOut },
      { region: three.region, failure: vaultFailures['vault.misconfigured'] },
    ];
    expect(await answer).toEqual(err(attempts));
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  it('ends at once when the signal fires, with the attempts so far, and asks nobody else', async () => {
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

  it('asks nobody for a caller who has already left', async () => {
    const attempts = [{ region: region('eu-central-1'), failure: vaultFailures['call.aborted'] }];
    expect(await first(AbortSignal.abort())).toEqual(err(attempts));
    expect(callCounts()).toEqual([0, 0, 0]);
  });

  it("follows the guide's order of the moment", async () => {
    service.guide.regions = ['eu-north-1', 'eu-central-1', 'eu-west-1'].map(region);
    service.vaults[2].fails('region.unavailable');
    expect(await first()).toEqual(ok('eu-central-1'));
    expect(callCounts()).toEqual([1, 0, 1]);
  });

  it('passes over a region of the guide that has no vault', async () => {
    service.guide.regions = ['us-east-1', 'eu-west-1'].map(region);
    expect(await first()).toEqual(ok('eu-west-1'));
    expect(callCounts()).toEqual([0, 1, 0]);
  });

  it('passes over the regions that have not what is asked for', async () => {
    const has = (name: string): boolean => name !== 'eu-central-1';
    const answer = await service.regions.firstAnswer(generating, patience(), has);
    expect(answer.map(({ region: name }) => name)).toEqual(ok('eu-west-1'));
    expect(callCounts()).toEqual([0, 1, 0]);
  });

  it('fails without an attempt when no region has what is asked for', async () => {
    expect(await service.regions.firstAnswer(generating, patience(), () => false)).toEqual(err([]));
    expect(callCounts()).toEqual([0, 0, 0]);
  });
});
