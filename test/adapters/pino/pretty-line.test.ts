// Log lines for a terminal: their form, and that no value can send an escape sequence to it.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { prettyLine } from '../../../src/adapters/pino/pretty-line.js';

const time = Date.UTC(2026, 10, 25, 23, 1, 20, 463);
const json = (facts: object): string => `${JSON.stringify({ level: 30, time, ...facts })}\n`;

describe('a pretty log line', () => {
  it('has time, level, message and fields', () => {
    const facts = {
      requestId: 'r-1',
      route: '/regions/{region}/drain',
      status: 200,
      hedged: false,
      msg: 'request',
    };
    expect(prettyLine(json(facts), false)).toBe(
      '23:01:20.463 INFO  request requestId=r-1 route="/regions/{region}/drain" status=200 hedged=false\n',
    );
  });

  it('shows objects as JSON, and levels by their names', () => {
    const line = { level: 50, cause: { name: 'Error', code: 'ENOSPC' }, msg: 'request failed' };
    expect(prettyLine(JSON.stringify(line), false)).toBe(
      'ERROR request failed cause={"name":"Error","code":"ENOSPC"}\n',
    );
  });

  it('has colours where they are turned on', () => {
    expect(prettyLine(json({ level: 40, caller: 'a', msg: 'm' }), true)).toBe(
      '\u001b[2m23:01:20.463 \u001b[22m\u001b[33mWARN \u001b[39m m \u001b[2mcaller=\u001b[22ma\n',
    );
  });

  it('is one line without a control character, whatever its fields contain', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u001b[2J', '\u009b2J', '\u202e', '\u2028', 'a\nb', '\r'),
    );
    fc.assert(
      fc.property(hostile, hostile, (value, msg) => {
        const line = prettyLine(json({ value, deep: [{ value }], msg }), false);
        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
        expect(line.endsWith('\n')).toBe(true);
      }),
    );
  });
});
