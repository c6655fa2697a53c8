// Whoever may not read an id cannot find out whether it exists: the answer and its time are the same, because it is given
// before anything is looked up.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { HttpAnswer } from '../support/http-client.js';
import { nothingTouched, ServedApp } from '../support/served-app.js';
import { median } from '../support/timing.js';

let app: ServedApp;
beforeEach(async () => {
  app = await ServedApp.start();
  await app.service.stored('hidden/exists', randomBytes(32));
});
afterEach(() => app.stop());

const same = (answer: HttpAnswer): unknown => {
  const { 'x-request-id': requestId, date, ...headers } = answer.headers;
  expect(date).toBeDefined();
  return JSON.stringify({ ...answer, headers }).replaceAll(String(requestId), 'id');
};

describe.each([
  ['without a permission', ['**'], []],
  ['who may only create', ['**'], ['create']],
  ['who may read other ids', ['billing/*'], ['read']],
  ['who may read and create other ids', ['billing/*', '*'], ['read', 'create']],
] as const)('a caller %s', (_, ids, allow) => {
  it('gets the same answer for an id that exists and for one that does not, before any look-up', async () => {
    const headers = { authorization: app.bearerFor(ids, ...allow) };
    const asked = (id: string) => app.ask({ target: `/key?id=${id}`, headers });
    const [exists, absent] = [await asked('hidden/exists'), await asked('hidden/absent')];
    expect(exists.status).toBe(403);
    expect(same(exists)).toEqual(same(absent));
    expect(app.touched).toEqual({ ...nothingTouched, audited: 2 });
  });
});

/** The median time of an answer about an id that exists, divided by that of an id that does not. */
async function ratioOfTimes(): Promise<number> {
  const headers = { authorization: app.bearerFor(['billing/*'], 'read', 'create') };
  const timesOf = { 'hidden/exists': [] as number[], 'hidden/absent': [] as number[] };
  for (let round = 0; round < 50; round += 1) {
    for (const id of ['hidden/exists', 'hidden/absent'] as const) {
      const startedMs = performance.now();
      await app.ask({ target: `/key?id=${id}`, headers });
      timesOf[id].push(performance.now() - startedMs);
    }
  }
  return median(timesOf['hidden/exists']) / median(timesOf['hidden/absent']);
}

it('and cannot tell by the time that the answer takes', async () => {
  // A busy machine can spoil a measurement, but cannot hide a difference five times.
  let ratio = Infinity;
  for (let attempt = 0; attempt < 5 && (ratio > 2 || ratio < 0.5); attempt += 1) ratio = await ratioOfTimes();
  expect(ratio).toBeGreaterThanOrEqual(0.5);
  expect(ratio).toBeLessThanOrEqual(2);
}, 30_000);
