// Another system's store is scanned page by page, and a page that never arrives has a time limit.
import { describe, expect, it } from '@jest/globals';
import { err, ok, ResultAsync } from 'neverthrow';
import { sourceEntries } from '../../../src/application/import/source-scan.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSource } from '../../support/scripted-source.js';
import { patience } from '../../support/virtual-service.js';

describe('the entries of a source', () => {
  it('come page by page under their own ids, without a total', async () => {
    const source = new ScriptedSource();
    const all = [await source.add('a'), await source.add('b'), await source.add('c')];
    const scan = sourceEntries(source, new ManualClock());
    const page = await scan.page(undefined, 2, patience());
    expect(page).toEqual(ok({ entries: all.slice(0, 2), next: '2' }));
    expect(await scan.page('2', 2, patience())).toEqual(ok({ entries: all.slice(2) }));
    expect(all.map((entry) => scan.nameOf(entry))).toEqual(['a', 'b', 'c']);
    expect(await scan.count(patience())).toEqual(ok(undefined));
  });

  it('that do not arrive in time are a failure', async () => {
    const clock = new ManualClock();
    const source = new ScriptedSource();
    source.page = () => new ResultAsync(new Promise(() => undefined));
    const scan = sourceEntries(source, clock);
    const silent = scan.page(undefined, 2, patience());
    await clock.advance(10_000);
    expect(await silent).toEqual(err({ kind: 'store.unavailable', reason: 'timed-out' }));
    const caller = new AbortController();
    const left = scan.page(undefined, 2, caller.signal);
    caller.abort();
    expect([await left, clock.pending]).toEqual([err({ kind: 'call.aborted' }), 0]);
  });
});
