// The report at the end of verify, repair and import: one shape for all three, as text and as JSON.
import { describe, expect, it } from '@jest/globals';
import { emptyTally, type Tally } from '../../../../src/application/maintenance/tally.js';
import {
  jsonReport,
  textReport,
  type ReportTexts,
} from '../../../../src/infrastructure/cli/scan/scan-report.js';

const texts: ReportTexts = {
  summary: ({ checked }, soFar) => [`${checked} keys checked${soFar}.`],
  columns: ['good', 'not-checked'],
  problems: { lost: 'lost: no copy opens', incomplete: 'incomplete' },
  otherProblem: (kind) => `failed: ${kind}`,
};
const tally: Tally = {
  checked: 30,
  outcomes: { changed: 1 },
  problems: {
    'key.conflict': { count: 1, first: ['c 1'] },
    incomplete: { count: 22, first: ['a 1', 'b 1'] },
    lost: { count: 1, first: ['d 1'] },
  },
  regions: { 'us-east-1': { good: 29, 'not-checked': 1 }, 'us-west-2': { good: 30 } },
};

describe('the text report', () => {
  it('has a summary, a table of copies, and the problems in a fixed order with the number of entries not shown', () => {
    expect(textReport(tally, true, texts).split('\n')).toEqual([
      '30 keys checked.',
      'region     good  not checked',
      'us-east-1    29            1',
      'us-west-2    30            0',
      '1 lost: no copy opens',
      '  d 1',
      '22 incomplete',
      '  a 1',
      '  b 1',
      '  and 20 more: --json lists all of them',
      '1 failed: key.conflict',
      '  c 1',
      '',
    ]);
  });

  it('of a stopped scan says so, and has no table when no copy was counted', () => {
    expect(textReport(emptyTally, false, texts)).toBe('0 keys checked so far.\n');
  });

  it('prints names as the command wants them', () => {
    const quoted = { ...texts, name: (text: string) => JSON.stringify(text) };
    const hostile = { ...emptyTally, problems: { lost: { count: 1, first: ['a\nb'] } } };
    expect(textReport(hostile, true, quoted)).toContain('\n  "a\\nb"\n');
  });
});

describe('the JSON report', () => {
  it('is one line that says whether the scan finished and whether anything is wrong, with the tally', () => {
    const report = jsonReport(tally, false, false);
    expect(report.endsWith('}\n')).toBe(true);
    expect(JSON.parse(report)).toEqual({ report: { finished: false, ok: false, ...tally } });
  });
});
