// What commands print for people: columns that line up, and colours only where somebody sees them.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { paint } from '../../../../src/infrastructure/cli/support/paint.js';
import { textTable } from '../../../../src/infrastructure/cli/support/text-table.js';

describe('a table', () => {
  it('has columns as wide as their widest cell, words to the left and numbers to the right', () => {
    const rows = [
      ['us-east-1', '5', 'well'],
      ['a', '1200', ''],
    ];
    expect(textTable(['REGION', 'KEYS', 'STATE'], rows, { right: [1] })).toBe(
      'REGION     KEYS  STATE\nus-east-1     5  well\na          1200\n',
    );
  });

  it('without rows is its head', () => {
    expect(textTable(['REGION', 'KEYS'], [])).toBe('REGION  KEYS\n');
  });

  it('gives colours no room', () => {
    const green = '\u001b[32mwell\u001b[39m';
    expect(textTable(['STATE', 'ID'], [[green, 'a']])).toBe(`STATE  ID\n${green}   a\n`);
  });
});

describe('paint', () => {
  const before = { ...process.env };
  beforeEach(() => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI']) {
      Reflect.deleteProperty(process.env, name);
    }
  });
  afterEach(() => {
    process.env = { ...before };
  });
  const terminal = (isTTY: boolean): NodeJS.WriteStream => {
    const depth = process.env['NO_COLOR'] ? 1 : 8;
    return Object.assign(Object.create(process.stdout) as NodeJS.WriteStream, {
      isTTY,
      getColorDepth: () => depth,
    });
  };

  it('colours on a terminal', () => {
    expect(paint('bad', 'lost', terminal(true))).toBe('\u001b[31mlost\u001b[39m');
  });

  it('leaves text as it is for files and pipes, and where NO_COLOR asks for it', () => {
    const plain = paint('bad', 'lost', terminal(false));
    process.env['NO_COLOR'] = '1';
    expect([plain, paint('bad', 'lost', terminal(true)), paint('good', '', terminal(true))]).toEqual([
      'lost',
      'lost',
      '',
    ]);
  });
});
