// Opening an entry of another store: copies that agree prove each other, copies that differ are refused, and all plaintexts
// but the returned one are wiped.
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
  it('calls every region that holds a copy, and returns the key that they agree on', async () => {
    const opened = await open([plaintext, plaintext, plaintext]);
    const regions = [frankfurt, dublin, stockholm];
    expect(revealed(opened)).toEqual(ok({ key, opened: regions, failed: [] }));
    expect([source.handedOut.length, alive()]).toEqual([3, 1]);
  });

  it('calls no region without a copy', async () => {
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
    'succeeds with the copies that open when one region fails with %s, and does not call again',
    async (kind) => {
      source.vaults[0].script('decrypt', kind);
      const opened = await open([plaintext, plaintext, plaintext]);
      const failed = [{ region: frankfurt, failure: vaultFailures[kind] }];
      expect(revealed(opened)).toEqual(ok({ key, opened: [dublin, stockholm], failed }));
      expect(opens()).toEqual([1, 1, 1]);
    },
  );

  it('waits for a silent region for one attempt at most, and wipes a late answer', async () => {
    source.vaults[0].script('decrypt', 'hold');
    const opened = await open([plaintext, plaintext]);
    const failed = [{ region: frankfurt, failure: timedOut }];
    expect(revealed(opened)).toEqual(ok({ key, opened: [dublin], failed }));
    source.vaults[0].release();
    await settle();
    expect([source.handedOut.length, alive()]).toEqual([2, 1]);
  });

  it('refuses copies that open to different keys, and wipes every plaintext', async () => {
    const opened = await open([plaintext, plaintext, randomBytes(32)]);
    const regions = [frankfurt, dublin, stockholm];
    expect(opened).toEqual(err({ kind: 'source.copies-differ', regions }));
    expect([source.handedOut.length, alive()]).toEqual([3, 0]);
  });
});

describe('an entry of which no copy opens', () => {
  it('is tried again after transient failures', async () => {
    source.vaults[0].script('decrypt', 'region.throttled', 'region.unavailable', 'answer');
    source.vaults[1].script('decrypt', 'ciphertext.rejected');
    const opened = await open([plaintext, plaintext]);
    const failed = [{ region: dublin, failure: vaultFailures['ciphertext.rejected'] }];
    expect(revealed(opened)).toEqual(ok({ key, opened: [frankfurt], failed }));
    expect(opens()).toEqual([3, 3, 0]);
  });

  it('fails after three attempts, with the failure of every region', async () => {
    source.vaults[0].script('decrypt', 'region.unavailable');
    source.vaults[1].script('decrypt', 'ciphertext.rejected');
    const attempts = [
      { region: frankfurt, failure: vaultFailures['region.unavailable'] },
      { region: dublin, failure: vaultFailures['ciphertext.rejected'] },
    ];
    expect(await open([plaintext, plaintext])).toEqual(err({ kind: 'regions.exhausted', attempts }));
    expect(opens()).toEqual([3, 3, 0]);
  });

  it('fails at once after failures that are not transient', async () => {
    source.vaults[0].script('decrypt', 'ciphertext.rejected');
    const attempts = [{ region: frankfurt, failure: vaultFailures['ciphertext.rejected'] }];
    expect(await open([plaintext])).toEqual(err({ kind: 'regions.exhausted', attempts }));
    expect(opens()).toEqual([1, 0, 0]);
  });

  it('whose plaintext does not have the length of a data key is unsuitable', async () => {
    source.vaults[0].script('decrypt', 'ciphertext.mismatched');
    source.vaults[1].script('decrypt', 'ciphertext.rejected');
    expect(await open([plaintext, plaintext])).toEqual(err({ kind: 'source.key-unsuitable' }));
  });

  it('is not tried again after an abort', async () => {
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
