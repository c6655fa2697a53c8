// Keys that must be in the store before another one is created: no creation goes by what a rolled back store lacks (I7).
import { describe, expect, it } from '@jest/globals';
import { err, ok, okAsync } from 'neverthrow';
import { KnownKeys, type FindKey, type KnownKey } from '../../../src/application/keys/known-keys.js';
import { firstVersion } from '../../../src/domain/ids.js';
import { newKeyRecord } from '../../../src/domain/keys/key-record.js';
import { ManualClock } from '../../support/manual-clock.js';
import { keyId } from '../../support/names.js';
import { randomKey } from '../../support/sample-keys.js';

const signal = new AbortController().signal;
const key = (id: string): KnownKey => ({ id: keyId(id), version: firstVersion });
const lost = expect.objectContaining({ kind: 'store.misconfigured' });

/** A store that holds these ids. */
function gateOf(...ids: readonly string[]): {
  held: Set<string>;
  gate: KnownKeys;
  missing: string[];
  finds: string[];
  clock: ManualClock;
} {
  const held = new Set(ids);
  const missing: string[] = [];
  const finds: string[] = [];
  const clock = new ManualClock();
  const find: FindKey = (id, version) => {
    finds.push(id);
    const facts = { id, version, commitment: randomKey().commitmentFor(id, version), createdAtMs: 1 };
    return okAsync(held.has(id) ? newKeyRecord(facts, []) : undefined);
  };
  const gate = new KnownKeys(find, clock, (keys) => missing.push(...keys.map(({ id }) => id)));
  return { held, gate, missing, finds, clock };
}

describe('a key', () => {
  it('is created only after the known keys were found', async () => {
    const { gate } = gateOf('a', 'b');
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(err({ kind: 'store.unavailable' }));
    expect(await gate.check([key('a'), key('b')], signal)).toEqual(ok([]));
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(ok(undefined));
  });

  it('is not created while a known key is missing, whichever id it is for (I7)', async () => {
    const { gate, held } = gateOf('a');
    expect(await gate.check([key('a'), key('b')], signal)).toEqual(ok([key('b')]));
    expect(gate.missingKeys).toBe(1);
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(err(lost));
    held.add('b');
    await gate.check([key('a'), key('b')], signal);
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(ok(undefined));
  });

  it('is not created once the store was rolled back to before the newest key of this process', async () => {
    const { gate, held, missing, clock } = gateOf();
    await gate.check([], signal);
    held.add('mine');
    gate.noteCreated(key('mine'));
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(ok(undefined));
    held.clear();
    expect(await gate.mayCreate(keyId('mine'), signal)).toEqual(err(lost));
    await gate.check([], signal);
    gate.noteCreated(key('mine'));
    await clock.advance(1_000);
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(err(lost));
    expect([missing, gate.missingKeys]).toEqual([['mine', 'mine'], 1]);
  });

  it('is not created for an id that is known to have one, though newer keys are there', async () => {
    const { gate, held } = gateOf('a', 'b');
    await gate.check([key('a'), key('b')], signal);
    held.delete('a');
    expect(await gate.mayCreate(keyId('new'), signal)).toEqual(ok(undefined));
    expect(await gate.mayCreate(keyId('a'), signal)).toEqual(err(lost));
  });

  it('costs one look-up a second before it is created, however many are known', async () => {
    const ids = Array.from({ length: 300 }, (_, at) => `known/${at}`);
    const { gate, finds, clock } = gateOf(...ids);
    await gate.check(ids.map(key), signal);
    expect(finds.length).toBe(100);
    finds.length = 0;
    for (let n = 0; n < 10; n++) await gate.mayCreate(keyId(`new/${n}`), signal);
    expect(finds).toEqual(['known/299']);
    await clock.advance(1_000);
    await gate.mayCreate(keyId('new'), signal);
    expect(finds).toEqual(['known/299', 'known/299']);
  });
});
