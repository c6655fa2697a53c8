// A source of another make is walked over page by page, and a page that never comes ends the wait.
import { describe, expect, it } from '@jest/globals';
import { err, ok, ResultAsync } from 'neverthrow';
import { sourceEntries } from '../../../src/application/import/source-scan.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSource } from '../../support/scripted-source.js';
import { patience } from '../../support/virtual-service.js';

describe('the entries of a source', () => {
  it('come page by page under their own names, and nobody counts them before', async () => {
    const source = new ScriptedSource();
    const all = [await source.add('a'), await source.add('b'), await source.add('c')];
    const walk = sourceEntries(source, new ManualClock());
    const page = await walk.page(undefined, 2, patience());
    expect(page).toEqual(ok({ entries: all.slice(0, 2), next: '2' }));
    expect(await walk.page('2', 2, patience())).toEqual(ok({ entries: all.slice(2) }));
    expect(all.map((entry) => walk.nameOf(entry))).toEqual(['a', 'b', 'c']);
    expect(await walk.count(patience())).toEqual(ok(undefined));
  });

  it('that never come are not waited for for ever', async () => {
    const clock = new ManualClock();
    const source = new ScriptedSource();
    source.page = () => new ResultAsync(new Promise(() => undefined));
    const walk = sourceEntries(source, clock);
    const silent = walk.page(undefined, 2, patience());
    await clock.advance(10_000);
    expect(await silent).toEqual(err({ kind: 'store.unavailable', reason: 'timed-out' }));
    const caller = new AbortController();
    const left = walk.page(undefined, 2, caller.signal);
    caller.abort();
    expect([await left, clock.pending]).toEqual([err({ kind: 'call.aborted' }), 0]);
  });
});
