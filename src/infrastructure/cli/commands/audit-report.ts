// What `rkms audit verify` prints for people. Never prints text from the log, which an attacker may have written.
import { nameOf, type AuditFileReport, type AuditReport } from '../../../adapters/audit-file/verify-audit.js';

/** Longer lists are cut here; `--json` has more of them. */
const maxShown = 20;

export function showAuditReport({ files, findings, findingCount }: AuditReport, seconds: number): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const entries = files.reduce((sum, file) => sum + file.entries, 0);
  const lines = [
    ...files.flatMap(fileLines),
    ...findings.map(({ what, detail }) => `WRONG  ${what}: ${detail}`),
    `${count(files.length, 'file')}, ${count(entries, 'entry', 'entries')}, ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s: ` +
      (findingCount === 0 ? 'intact' : `NOT INTACT, ${count(findingCount, 'finding')}`),
  ];
  return `${lines.join('\n')}\n`;
}

function fileLines({
  file,
  entries,
  first,
  last,
  notes,
  findings,
  findingCount,
}: AuditFileReport): readonly string[] {
  const shown = findings.slice(0, maxShown);
  const more = findingCount - shown.length;
  return [
    file,
    `  ${count(entries, 'entry', 'entries')}${first && last ? `, ${first.time} to ${last.time}` : ''}`,
    ...(last ? [`  anchor ${nameOf(last)}`] : []),
    ...notes.slice(0, maxShown).map(({ line, what, detail }) => `  note   ${place(line)}${what}: ${detail}`),
    ...shown.map(({ line, what, detail }) => `  WRONG  ${place(line)}${what}: ${detail}`),
    ...(more > 0 ? [`  WRONG  and ${count(more, 'finding')} more`] : []),
  ];
}

const place = (line: number | undefined): string => (line === undefined ? '' : `line ${line}, `);

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
