// Opening an entry of another store: copies that agree prove each other, copies that differ are refused, and of all
// plaintexts one at most is left.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok, type Result } from 'neverthrow';
import { OpenSourceEntry, type OpenedEntry } from '../../../src/application/import/open-source-entry.js';
import type { SourceOpenFailure } from '../../../src/domain/failures/key-failures.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { isWiped, revealed } from '../../support/sample-keys.js';
import { ScriptedSource } from '../../support/scripted-source.js';
import { timedOut, vaultFailures } from '../../support/vault-failures.js';
import { patience } from '../../support/virtual-service.js';

const attemptTimeoutMs = 800;
const [frankfurt, dublin, stockholm] = ['eu-central-1', 'eu-west-1', 'eu-north-1'];
const plaintext = randomBytes(32);
const key = plaintext.toString('hex');

let clock: ManualClock;
let source: ScriptedSource;
let opening: OpenSourceEntry;
beforeEach(() => {
  clock = new ManualClock();
  source = new ScriptedSource();
  opening = new OpenSourceEntry(source, clock, { attemptTimeoutMs });
});
afterEach(() => {
  expect(clock.pending).toBe(0);
});

type Opened = Result<OpenedEntry, SourceOpenFailure>;

async function open(plaintexts: readonly (Uint8Array | undefined)[], signal = patience()): Promise<Opened> {
  const { copies } = await source.add('a', ...plaintexts);
  const opened = opening.open(copies._unsafeUnwrap(), signal);
  await clock.advance(10_000);
  return opened;
}
const alive = (): number => source.handedOut.filter((each) => !isWiped(each)).length;
const opens = (): readonly number[] => source.vaults.map((vault) => vault.count('decrypt'));

describe('opening an entry', () => {
  it('asks every region that holds a copy, and answers the one key that they agree on', async () => {
    const opened = await open([plaintext, plaintext, plaintext]);
    const regions = [frankfurt, dublin, stockholm];
    expect(revealed(opened)).toEqual(ok({ key, opened: regions, failed: [] }));
    expect([source.handedOut.length, alive()]).toEqual([3, 1]);
  });

  it('asks no region that holds none', async () => {
    const opened = await open([undefined, plaintext]);
    expect(revealed(opened)).toEqual(ok({ key, opened: [dublin], failed: [] }));
    expect(opens()).toEqual([0, 1, 0]);
  });

  it.each([
    'region.unavailable',
    'region.throttled',
    'ciphertext.rejected',
    'vault.request-invalid',
  ] as const)(
    'is content with the copies that open when one region says %s, and does not ask again',
    async (kind) => {
      source.vaults[0].script('decrypt', kind);
      const opened = await open([plaintext, plaintext, plaintext]);
      const failed = [{ region: frankfurt, failure: vaultFailures[kind] }];
      expect(revealed(opened)).toEqual(ok({ key, opened: [dublin, stockholm], failed }));
      expect(opens()).toEqual([1, 1, 1]);
    },
  );

  it('waits for a silent region no longer than one attempt may take, and wipes what it says too late', async () => {
    source.vaults[0].script('decrypt', 'hold');
    const opened = await open([plaintext, plaintext]);
    const failed = [{ region: frankfurt, failure: timedOut }];
    expect(revealed(opened)).toEqual(ok({ key, opened: [dublin], failed }));
    source.vaults[0].release();
    await settle();
    expect([source.handedOut.length, alive()]).toEqual([2, 1]);
  });

  it('refuses copies that open to different keys, and leaves no plaintext', async () => {
    const opened = await open([plaintext, plaintext, randomBytes(32)]);
    const regions = [frankfurt, dublin, stockholm];
    expect(opened).toEqual(err({ kind: 'source.copies-differ', regions }));
    expect([source.handedOut.length, alive()]).toEqual([3, 0]);
  });
});

describe('an entry of which no copy opens', () => {
  it('is tried again where regions may only be busy or away', async () => {
    source.vaults[0].script('decrypt', 'region.throttled', 'region.unavailable', 'answer');
    source.vaults[1].script('decrypt', 'ciphertext.rejected');
    const opened = await open([plaintext, plaintext]);
    const failed = [{ region: dublin, failure: vaultFailures['ciphertext.rejected'] }];
    expect(revealed(opened)).toEqual(ok({ key, opened: [frankfurt], failed }));
    expect(opens()).toEqual([3, 3, 0]);
  });

  it('is given up after three tries, and every region says why', async () => {
    source.vaults[0].script('decrypt', 'region.unavailable');
    source.vaults[1].script('decrypt', 'ciphertext.rejected');
    const attempts = [
      { region: frankfurt, failure: vaultFailures['region.unavailable'] },
      { region: dublin, failure: vaultFailures['ciphertext.rejected'] },
    ];
    expect(await open([plaintext, plaintext])).toEqual(err({ kind: 'regions.exhausted', attempts }));
    expect(opens()).toEqual([3, 3, 0]);
  });

  it('is given up at once where trying again cannot help', async () => {
    source.vaults[0].script('decrypt', 'ciphertext.rejected');
    const attempts = [{ region: frankfurt, failure: vaultFailures['ciphertext.rejected'] }];
    expect(await open([plaintext])).toEqual(err({ kind: 'regions.exhausted', attempts }));
    expect(opens()).toEqual([1, 0, 0]);
  });

  it('because what it holds has no length of a data key, is unsuitable', async () => {
    source.vaults[0].script('decrypt', 'ciphertext.mismatched');
    source.vaults[1].script('decrypt', 'ciphertext.rejected');
    expect(await open([plaintext, plaintext])).toEqual(err({ kind: 'source.key-unsuitable' }));
  });

  it('for somebody who left is not asked for any more', async () => {
    source.vaults[0].script('decrypt', 'region.unavailable');
    const caller = new AbortController();
    const { copies } = await source.add('a', plaintext);
    const opened = opening.open(copies._unsafeUnwrap(), caller.signal);
    await settle();
    caller.abort();
    await settle();
    expect(await opened).toEqual(err({ kind: 'call.aborted' }));
    expect(opens()).toEqual([1, 0, 0]);
  });
});
