// Tables for people: columns as wide as their widest cell, two spaces between them. Scripts use --json.
import { stripVTControlCharacters } from 'node:util';

export interface TableOptions {
  /** Indexes of the columns that are aligned to the right, as numbers are. */
  readonly right?: readonly number[];
}

/** A line for the head and for each row. Cells may contain colours, which have no width. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [] }: TableOptions = {},
): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column]))));
  const aligned = (cell: string, column: number): string => {
    const padding = ' '.repeat((widths[column] ?? 0) - widthOf(cell));
    return right.includes(column) ? padding + cell : cell + padding;
  };
  return lines.map((line) => `${line.map(aligned).join('  ').trimEnd()}\n`).join('');
}

const widthOf = (cell = ''): number => stripVTControlCharacters(cell).length;
