// The report at the end of a scan, for people or as JSON. Names every kind of problem; never decides what is one.
import type { ProblemCount, Tally } from '../../../application/maintenance/tally.js';
import { textTable } from '../support/text-table.js';

/** The texts in which the commands' reports differ. */
export interface ReportTexts {
  /** The first lines, as `5 keys verified`; `soFar` is ` so far` when the scan was stopped, else empty. */
  readonly summary: (tally: Tally, soFar: string) => readonly string[];
  /** The states of copies that the table counts, in order. */
  readonly columns: readonly string[];
  /** :: kind of problem -> the line above its entries, without their number; printed in this order */
  readonly problems: Readonly<Record<string, string>>;
  /** The same line for every other kind. */
  readonly otherProblem: (kind: string) => string;
  /** How an entry's name is printed; as it is when absent. */
  readonly name?: (name: string) => string;
}

export const jsonReport = (tally: Tally, finished: boolean, isOk: boolean): string =>
  `${JSON.stringify({ report: { finished, ok: isOk, ...tally } })}\n`;

export function textReport(tally: Tally, finished: boolean, texts: ReportTexts): string {
  const { columns, summary, otherProblem, name = (text: string) => text } = texts;
  const kinds = new Set([...Object.keys(texts.problems), ...Object.keys(tally.problems)]);
  const problems = [...kinds].flatMap((kind) => {
    const { count, first } = tally.problems[kind] ?? none;
    if (count === 0) return [];
    return [
      `${count} ${texts.problems[kind] ?? otherProblem(kind)}`,
      // Several keys are checked at the same time, so they end in no fixed order.
      ...first.toSorted().map((each) => `  ${name(each)}`),
      ...(count > first.length ? [`  and ${count - first.length} more: --json lists all of them`] : []),
    ];
  });
  const lines = [...summary(tally, finished ? '' : ' so far'), ...table(tally, columns), ...problems];
  return `${lines.join('\n')}\n`;
}

const none: ProblemCount = { count: 0, first: [] };

function table({ regions }: Tally, columns: readonly string[]): readonly string[] {
  const rows = Object.entries(regions).map(([region, counts]) => [
    region,
    ...columns.map((column) => String(counts[column] ?? 0)),
  ]);
  if (rows.length === 0) return [];
  const head = ['region', ...columns.map((column) => column.replaceAll('-', ' '))];
  return [textTable(head, rows, { right: columns.map((_, index) => index + 1) }).trimEnd()];
}
