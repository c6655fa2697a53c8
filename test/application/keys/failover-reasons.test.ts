// Which requests count as rescued: those that the preferred region, the first one, would not have answered alone.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ServedKey } from '../../../src/application/keys/served-key.js';
import { settle } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { hedgeAfterMs, maxPauseMs, patience, VirtualService } from '../../support/virtual-service.js';

const id = keyId('orders/7');
const plaintext = randomBytes(32);

let service: VirtualService;
beforeEach(async () => {
  service = await new VirtualService().initialise();
});
afterEach(() => {
  expect(service.clock.pending).toBe(0);
});

const get = async (): Promise<ServedKey> =>
  (await service.process().get({ id, mayCreate: true }, patience()))._unsafeUnwrap();
const toldOf = ({ region, failover, created }: ServedKey): unknown => ({ region, failover, created });
const [first, second] = ['eu-central-1', 'eu-west-1'];

/** As the supervisor does with a region that is known not to answer: it goes last. */
function leaveAlone(): void {
  const { guide, vaults } = service;
  guide.ejected.add(vaults[0].region);
  guide.regions = [vaults[1].region, vaults[2].region, vaults[0].region];
}

describe('a key that is stored', () => {
  beforeEach(async () => {
    await service.stored(id, plaintext);
  });

  it('and opened by the preferred region is not rescued', async () => {
    expect(toldOf(await get())).toEqual({ region: first, failover: undefined, created: false });
  });

  it.each(['region.unavailable', 'region.throttled', 'vault.misconfigured', 'wrong-key'] as const)(
    'and opened by another one after the preferred one failed (%s) is rescued',
    async (step) => {
      service.vaults[0].script('decrypt', step);
      expect(toldOf(await get())).toEqual({ region: second, failover: 'failed', created: false });
    },
  );

  it('and opened by another one because the preferred one is known to be down is rescued', async () => {
    leaveAlone();
    expect(toldOf(await get())).toEqual({ region: second, failover: 'ejected', created: false });
  });

  it('and opened by another one because an operator drained the preferred one is not rescued', async () => {
    leaveAlone();
    service.guide.drained.add(service.vaults[0].region);
    expect(toldOf(await get())).toEqual({ region: second, failover: undefined, created: false });
  });

  it('and opened by another one because the preferred one is slow is not rescued', async () => {
    service.guide.regions = [...service.guide.regions].reverse();
    expect(toldOf(await get())).toEqual({ region: 'eu-north-1', failover: undefined, created: false });
  });

  it('and opened by a hedge while the preferred one has not answered is no failover: it might have answered', async () => {
    service.vaults[0].script('decrypt', 'hang-until-aborted');
    const asked = get();
    await settle();
    await service.clock.advance(hedgeAfterMs);
    const served = await asked;
    expect([toldOf(served), served.hedged]).toEqual([
      { region: second, failover: undefined, created: false },
      true,
    ]);
  });

  it('and opened by the preferred region at the second try is not rescued', async () => {
    service.vaults[0].script('decrypt', 'region.unavailable', 'answer');
    for (const vault of service.vaults.slice(1)) vault.script('decrypt', 'region.unavailable');
    const asked = get();
    await settle();
    await service.clock.advance(maxPauseMs);
    expect(toldOf(await asked)).toEqual({ region: first, failover: undefined, created: false });
  });

  it('rescues each of the requests that share the work', async () => {
    service.vaults[0].script('decrypt', 'region.unavailable');
    const keys = service.process();
    const all = await Promise.all([1, 2, 3].map(() => keys.get({ id, mayCreate: false }, patience())));
    expect(all.map((served) => served._unsafeUnwrap().failover)).toEqual(['failed', 'failed', 'failed']);
    expect(service.joins).toBe(2);
  });
});

it('a key of which the preferred region holds no copy is rescued', async () => {
  await service.stored(id, plaintext, service.vaults.slice(1));
  expect(toldOf(await get())).toEqual({ region: second, failover: 'no-copy', created: false });
});

describe('a new key', () => {
  it('that every region holds is not rescued', async () => {
    expect(toldOf(await get())).toEqual({ region: first, failover: undefined, created: true });
  });

  it('that another region had to generate is rescued', async () => {
    service.vaults[0].script('generateDataKey', 'region.unavailable');
    expect(toldOf(await get())).toEqual({ region: second, failover: 'failed', created: true });
  });

  it('that the preferred region could not be proven to hold is rescued', async () => {
    service.vaults[0].script('encrypt', 'region.unavailable');
    expect(toldOf(await get())).toEqual({ region: first, failover: 'failed', created: true });
  });

  it('that another region could not be proven to hold is not rescued', async () => {
    service.vaults[1].script('encrypt', 'region.unavailable');
    expect(toldOf(await get())).toEqual({ region: first, failover: undefined, created: true });
  });

  it('made without the preferred region because that is known to be down is rescued', async () => {
    leaveAlone();
    expect(toldOf(await get())).toEqual({ region: second, failover: 'ejected', created: true });
  });

  it('made without the preferred region because that is drained is not rescued', async () => {
    leaveAlone();
    service.guide.drained.add(service.vaults[0].region);
    expect(toldOf(await get())).toEqual({ region: second, failover: undefined, created: true });
  });
});
