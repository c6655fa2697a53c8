// How the doctor's findings are printed: grouped by subject, then a count, then what to do, the worst first. On a terminal with
// symbols and, unless NO_COLOR asks for none, in colour; anywhere else in words.
import { showsColours, coloured, type Colour } from '../../../adapters/system/terminal-colours.js';
import { worstOf, type Finding, type Severity } from '../../checks/finding.js';

export interface ReportStyle {
  readonly symbols: boolean;
  readonly colour: boolean;
}

export const reportStyle = (isTerminal: boolean, noColor: string | undefined): ReportStyle => ({
  symbols: isTerminal,
  colour: showsColours(isTerminal, noColor),
});

const words: Readonly<Record<Severity, string>> = {
  ok: 'ok',
  skipped: '-',
  warning: 'warning',
  broken: 'BROKEN',
};
const symbols: Readonly<Record<Severity, string>> = { ok: '✓', skipped: '-', warning: '!', broken: '✗' };
const tones: Readonly<Record<Severity, Colour>> = {
  ok: 'good',
  skipped: 'aside',
  warning: 'warning',
  broken: 'bad',
};

export function textReport(findings: readonly Finding[], style: ReportStyle): string {
  const groups = Map.groupBy(findings, ({ subject }) => subject);
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = [...groups].flatMap(([subject, group]) => [
    bold(subject, style),
    ...group.map((finding) => lineOf(finding, width, style)),
  ]);
  return [...lines, '', summary(findings), ...hints(findings, style), ''].join('\n');
}

function lineOf({ severity, check, found }: Finding, width: number, style: ReportStyle): string {
  const mark = style.symbols ? symbols[severity] : words[severity].padEnd(7);
  return `  ${inColour(mark, severity, style)} ${check.padEnd(width)}  ${printable(found)}`;
}

function summary(findings: readonly Finding[]): string {
  const count = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length;
  const [broken, warnings] = [count('broken'), count('warning')];
  if (broken + warnings === 0) return `All is well: ${count('ok')} checks. Nothing was changed.`;
  const told = [
    ...(broken > 0 ? [`${broken} broken`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return `${told.join(', ')}, ${count('ok')} ok. Nothing was changed.`;
}

function hints(findings: readonly Finding[], style: ReportStyle): readonly string[] {
  const failing = findings.flatMap((finding) => ('hint' in finding ? [finding] : []));
  if (failing.length === 0) return [];
  const byUrgency = [
    ...failing.filter(({ severity }) => severity === 'broken'),
    ...failing.filter(({ severity }) => severity === 'warning'),
  ];
  const steps = byUrgency.map(({ subject, check, severity, found, hint }, index) => {
    const name = inColour(`${subject}, ${check}`, severity, style);
    return `${String(index + 1).padStart(2)}. ${name}: ${printable(found)}\n    → ${printable(hint)}`;
  });
  return ['', bold('What to do', style), ...steps];
}

export const jsonReport = (findings: readonly Finding[]): string =>
  `${JSON.stringify({ worst: worstOf(findings), findings }, undefined, 2)}\n`;

/** What came from outside cannot move the cursor or begin a line. */
const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');

const inColour = (text: string, severity: Severity, { colour }: ReportStyle): string =>
  coloured(tones[severity], text, colour);

const bold = (text: string, { colour }: ReportStyle): string => coloured('heading', text, colour);
