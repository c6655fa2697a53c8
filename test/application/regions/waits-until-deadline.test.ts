// Requests have a deadline: a region that is slow in answering is joined by others, and given up only when the new key or
// the request no longer needs it. What happens during a pause of this process says nothing about a region.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { errAsync } from 'neverthrow';
import { RegionCalls } from '../../../src/application/regions/region-calls.js';
import { firstAnswer } from '../../../src/application/regions/first-answer.js';
import {
  WrapInEveryRegion,
  type QuorumSettings,
} from '../../../src/application/keys/wrap-in-every-region.js';
import { encryptionContext, generationContext } from '../../../src/domain/keys/encryption-context.js';
import type { DataKey } from '../../../src/domain/keys/data-key.js';
import { firstVersion } from '../../../src/domain/ids.js';
import type { RegionAct } from '../../../src/application/regions/region-calls.js';
import { settle } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { keyOf } from '../../support/sample-keys.js';
import {
  attemptTimeoutMs,
  maxPauseMs,
  minPauseMs,
  ours,
  patience,
  VirtualService,
} from '../../support/virtual-service.js';

const id = keyId('a');
const name = { deployment: ours, id, version: firstVersion };
const generating: RegionAct<DataKey> = {
  operation: 'generate',
  keyId: id,
  run: (vault, signal) => vault.generateDataKey(32, generationContext(name), signal),
};
const minProofMs = 1_000;

let service: VirtualService;
let calls: RegionCalls;
beforeEach(() => {
  service = new VirtualService();
  const { vaults, guide, clock, telemetry } = service;
  const settings = { minPauseMs, maxPauseMs, hasDeadline: true, minProofMs };
  calls = new RegionCalls(vaults, guide, clock, telemetry, settings);
});
const failures = (): readonly unknown[] =>
  service.guide.reports.map(({ region, failure }) => [region, failure]).filter(([, failure]) => failure);

describe('a request that no region answers in time', () => {
  it('waits for all of them until its deadline, and each is reported once as timed out', async () => {
    const { vaults, clock } = service;
    for (const vault of vaults) vault.fails('hold');
    const caller = new AbortController();
    const answer = firstAnswer(calls, generating, caller.signal);
    await clock.advance(6_000);
    const timedOut = { kind: 'region.unavailable', reason: 'timed-out' };
    const once = vaults.map(({ region }) => [region, timedOut]);
    expect(failures()).toEqual([...once, ...once]);
    caller.abort();
    expect(await answer).toMatchObject({ error: [{ failure: { kind: 'call.aborted' } }] });
    expect(clock.pending).toBe(0);
  });

  it('uses the first answer that comes, also of a region that was overdue', async () => {
    const { vaults, clock } = service;
    for (const vault of vaults) vault.fails('hold');
    const answer = firstAnswer(calls, generating, patience());
    await clock.advance(5_000);
    vaults[1].release();
    expect(await answer).toMatchObject({ value: { region: vaults[1].region, failover: 'failed' } });
    expect(clock.pending).toBe(0);
  });

  it('calls the regions a second time while it waits', async () => {
    const { vaults, clock } = service;
    for (const vault of vaults) vault.script('generateDataKey', 'hold', 'answer');
    const answer = firstAnswer(calls, generating, patience());
    await clock.advance(3 * attemptTimeoutMs + maxPauseMs);
    expect((await answer).isOk()).toBe(true);
  });
});

describe('a creation', () => {
  const wrapped = (settings: QuorumSettings = { quorum: 2 }) => {
    const key = keyOf(Buffer.alloc(32, 7));
    const context = encryptionContext(name, key.commitmentFor(name.id, name.version));
    return new WrapInEveryRegion(calls, settings, service.clock).wrap(key, context, patience());
  };

  it('ends below the quorum before the deadline of its request, and names the regions that hang', async () => {
    const { vaults, clock } = service;
    for (const vault of vaults.slice(1)) vault.fails('hold');
    const done = wrapped({ quorum: 2, wrapLimitMs: 1_300 });
    await clock.advance(1_300);
    const failure = { kind: 'region.unavailable', reason: 'timed-out' };
    expect(await done).toMatchObject({
      error: {
        kind: 'regions.below-quorum',
        proven: 1,
        attempts: vaults.slice(1).map(({ region }) => ({ region, failure })),
      },
    });
    expect(clock.pending).toBe(0);
  });

  it('waits for a proof as long as the quorum needs it', async () => {
    const { vaults, clock } = service;
    for (const vault of vaults.slice(1)) vault.script('decrypt', 'hold', 'answer');
    const done = wrapped();
    await clock.advance(10 * minProofMs);
    vaults[1].release();
    expect((await done).map(({ ciphertexts }) => ciphertexts.length)).toMatchObject({ value: 2 });
    expect(clock.pending).toBe(0);
  });

  it('gives a region up after its time once the quorum is proven, and no earlier', async () => {
    const { vaults, clock } = service;
    vaults[2].script('encrypt', 'hold');
    let ended = false;
    const done = wrapped().then((result) => {
      ended = true;
      return result;
    });
    await clock.advance(minProofMs - 1);
    await settle();
    expect(ended).toBe(false);
    await clock.advance(1);
    const timedOut = { kind: 'region.unavailable', reason: 'timed-out' };
    expect(await done).toMatchObject({
      value: { missing: [{ region: vaults[2].region, failure: timedOut }] },
    });
    expect(clock.pending).toBe(0);
  });
});

describe('a pause of this process', () => {
  it.each(['reset', 'timed-out', 'refused', 'dns', 'unreachable'] as const)(
    'excuses a region whose call ends as %s after it',
    async (reason) => {
      const { clock, guide, vaults } = service;
      const act = { ...generating, run: () => held.promise } as unknown as RegionAct<DataKey>;
      const held = Promise.withResolvers<unknown>();
      const answer = calls.call(vaults[0], act, patience());
      await clock.advance(10);
      clock.stall(500);
      held.resolve(errAsync({ kind: 'region.unavailable', reason }));
      expect(await answer).toMatchObject({ error: { reason } });
      expect(guide.reports).toMatchObject([{ failure: { kind: 'call.aborted' } }]);
    },
  );

  it('does not excuse what the region itself answered', async () => {
    const { clock, guide, vaults } = service;
    const held = Promise.withResolvers<unknown>();
    const act = { ...generating, run: () => held.promise } as unknown as RegionAct<DataKey>;
    const answer = calls.call(vaults[0], act, patience());
    await settle();
    clock.stall(500);
    held.resolve(errAsync({ kind: 'region.unavailable', reason: 'server-error' }));
    await answer;
    expect(guide.reports).toMatchObject([{ failure: { reason: 'server-error' } }]);
  });

  it('does not count towards the usual latency of a region', async () => {
    const { clock, guide, vaults } = service;
    vaults[0].fails('hold');
    const answer = calls.call(vaults[0], generating, patience());
    await clock.advance(10);
    clock.stall(500);
    vaults[0].release();
    expect((await answer).isOk()).toBe(true);
    expect(guide.reports).toMatchObject([{ durationMs: NaN }]);
  });
});
