// Verifying a key: every copy is opened in its own region, and every plaintext is wiped.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { KeyRecord } from '../../../src/domain/keys/key-record.js';
import { region } from '../../support/names.js';
import { isWiped } from '../../support/sample-keys.js';
import { ScriptedVault } from '../../support/scripted-vault.js';
import { vaultFailures } from '../../support/vault-failures.js';
import { attemptTimeoutMs, patience, VirtualService } from '../../support/virtual-service.js';

let service: VirtualService;
let record: KeyRecord;
beforeEach(async () => {
  service = new VirtualService();
  record = await service.recordOf('orders/7', randomBytes(32));
});

const check = (of = record): Promise<readonly { readonly region: string; readonly state: unknown }[]> =>
  service.verifying().check(of, patience());
const good = { kind: 'good' };

describe('verifying a key', () => {
  it('opens every copy once, each in its region, and wipes the plaintexts', async () => {
    expect(await check()).toEqual([
      { region: 'eu-central-1', state: good },
      { region: 'eu-west-1', state: good },
      { region: 'eu-north-1', state: good },
    ]);
    expect(service.vaults.map((vault) => vault.calls.map(({ operation }) => operation))).toEqual([
      ['decrypt'],
      ['decrypt'],
      ['decrypt'],
    ]);
    expect(service.vaults.flatMap(({ handedOut }) => handedOut).map(isWiped)).toEqual([true, true, true]);
  });

  it('reports the state of each copy, and wipes wrong keys as well', async () => {
    const [first, second, third] = service.vaults;
    first.script('decrypt', 'ciphertext.rejected');
    second.script('decrypt', 'wrong-key');
    third.script('decrypt', 'vault.misconfigured');
    expect((await check()).map(({ state }) => state)).toEqual([
      { kind: 'unreadable', failure: vaultFailures['ciphertext.rejected'] },
      { kind: 'mismatched', failure: { kind: 'ciphertext.mismatched', reason: 'commitment' } },
      { kind: 'not-checked', failure: vaultFailures['vault.misconfigured'] },
    ]);
    expect(second.handedOut.map(isWiped)).toEqual([true]);
  });

  it('reports a missing copy without a call, and calls no region that is not configured', async () => {
    const retired = new ScriptedVault(region('us-east-1'));
    const [first, , third] = service.vaults;
    const partial = await service.recordOf('orders/7', randomBytes(32), [retired, first, third]);
    expect((await check(partial)).map(({ state }) => state)).toEqual([good, { kind: 'missing' }, good]);
    expect([service.vaults[1], retired].map((vault) => vault.count('decrypt'))).toEqual([0, 1 - 1]);
  });
});

describe('a region that does not answer', () => {
  it('is called three times, with pauses, before its copy counts as not checked', async () => {
    service.vaults[0].script('decrypt', 'hang');
    const checked = check();
    await service.clock.advance(3 * attemptTimeoutMs + 2_000);
    expect((await checked)[0]).toEqual({
      region: 'eu-central-1',
      state: { kind: 'not-checked', failure: { kind: 'region.unavailable', reason: 'timed-out' } },
    });
    expect(service.vaults[0].count('decrypt')).toBe(3);
  });

  it('at first and then answers has its answer used', async () => {
    service.vaults[0].script('decrypt', 'region.throttled', 'region.unavailable', 'answer');
    const checked = check();
    await service.clock.advance(2_000);
    expect((await checked)[0]).toEqual({ region: 'eu-central-1', state: good });
  });

  it('is skipped after five failures in a row, and called again every five seconds', async () => {
    const [first] = service.vaults;
    first.script('decrypt', 'region.unavailable');
    const verifying = service.verifying();
    const checkAgain = async (): Promise<number> => {
      const before = first.count('decrypt');
      const checked = verifying.check(record, patience());
      await service.clock.advance(2_000);
      await checked;
      return first.count('decrypt') - before;
    };
    expect([await checkAgain(), await checkAgain(), await checkAgain()]).toEqual([3, 2, 0]);
    await service.clock.advance(5_000);
    expect([await checkAgain(), await checkAgain()]).toEqual([1, 0]);
    await service.clock.advance(5_000);
    first.script('decrypt', 'answer');
    expect([await checkAgain(), await checkAgain()]).toEqual([1, 1]);
  });

  it('is not called again after an abort', async () => {
    const [first] = service.vaults;
    first.script('decrypt', 'region.unavailable');
    const controller = new AbortController();
    const checked = service.verifying().check(record, controller.signal);
    controller.abort();
    await service.clock.advance(2_000);
    await checked;
    expect(first.count('decrypt')).toBeLessThanOrEqual(1);
    expect(service.clock.pending).toBe(0);
  });
});
