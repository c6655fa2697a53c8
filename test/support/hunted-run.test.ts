// The hunt over the whole run must find a leak wherever one is planted, or its silence means nothing.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeBearerToken } from '../../src/adapters/tokens/bearer-token.js';
import { beginHunt, clearHunt, endHunt, tellEvidence, tellFolder, tellPrinted } from './hunted-run.js';
import { Leftovers } from './leftovers.js';
import { needlesOf } from './needles.js';
import { SecretHunt } from './secret-hunt.js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const outer = process.env['RKMS_HUNTED_RUN'];
let folder: string;
beforeEach(() => {
  folder = beginHunt();
});
afterEach(() => {
  clearHunt(folder);
  if (outer !== undefined) process.env['RKMS_HUNTED_RUN'] = outer;
});

const noise = (bytes: Buffer): Buffer => Buffer.concat([randomBytes(1_001), bytes, randomBytes(997)]);

describe('the hunt over a run', () => {
  const key = randomBytes(32);
  it.each([...new Set(needlesOf('key', key).map(({ form }) => form))])('finds a planted leak: %s', (form) => {
    new SecretHunt().addKey(key.toString('base64'));
    for (const needle of needlesOf('key', key)) {
      if (needle.form === form) tellEvidence(`output in ${form}`, noise(needle.bytes));
    }
    expect(endHunt(folder).hits).toContain(`output in ${form}: ${form}`);
  });

  it('finds the secret of a token in a file of another test, and names the file alone', () => {
    const { text } = makeBearerToken();
    new SecretHunt().addToken(text);
    const leftovers = new Leftovers();
    const path = join(leftovers.folder(), 'debug.log');
    writeFileSync(path, `level=debug authorization="Bearer ${text}"`);
    tellFolder(join(path, '..'));
    const report = endHunt(folder);
    // A secret without the two characters in which they differ is found in both spellings.
    expect(report.hits).toContain(`${path}: base64url`);
    expect(report.hits.filter((hit) => !hit.startsWith(`${path}: base64`))).toEqual([]);
    expect(JSON.stringify(report)).not.toContain(text.slice(20, 40));
    // Not for the run around this one: the leak was planted.
    writeFileSync(path, '');
  });

  it('finds what was printed in two halves, and lets all of it be printed', () => {
    const hunt = new SecretHunt();
    hunt.addKey(key.toString('base64'));
    const printed: string[] = [];
    const stream = { write: (text: string | Uint8Array): boolean => printed.push(String(text)) > 0 };
    tellPrinted('a terminal', stream);
    const hex = key.toString('hex');
    stream.write(`expected ${hex.slice(0, 20)}`);
    stream.write(Buffer.from(`${hex.slice(20)} received undefined`));
    expect(printed.join('')).toBe(`expected ${hex} received undefined`);
    expect(endHunt(folder).hits).toEqual(['a terminal: hex']);
  });

  it('finds nothing where nothing is', () => {
    new SecretHunt().addKey(key.toString('base64'));
    tellEvidence('noise', randomBytes(200_000));
    expect(endHunt(folder)).toEqual({ secrets: 1, files: 1, bytes: 200_000, hits: [] });
  });
});
