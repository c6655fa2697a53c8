// A checker for each language that a block can be written in. A language without one is an error: nothing that a page shows
// goes unread. Checkers answer with what is wrong, or undefined.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parse as parseTomlText } from 'smol-toml';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';
import { parseConfig, showConfigProblems } from 'rkms/config';
import { differenceBetween, shapeOf } from './documented-output.js';
import { nameOf, type Block } from './pages.js';
import type { Stage } from './stage.js';

export type Checker = (
  block: Block,
  stage: Stage,
  goodCodes: readonly number[],
) => Promise<string | undefined> | string | undefined;

/** Why a block may be left unrun; a page gives one of these, to the letter. */
export const goodReasons = [
  'needs an AWS account',
  'needs a Kubernetes cluster',
  'needs a container engine',
  'needs Terraform',
  'needs systemd',
  'needs a monitoring system',
  'needs an OIDC issuer',
  'takes too long for a test',
  'changes the machine that it runs on',
] as const;

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

function thrownBy(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (cause) {
    return messageOf(cause);
  }
}

const runShell: Checker = async ({ text }, stage, goodCodes) => {
  const { code, stdout, stderr } = await stage.run(text);
  return code === 0 || goodCodes.includes(code ?? 0)
    ? undefined
    : `exit code ${String(code)}\n${stdout}${stderr}`;
};

/** `$ command`, then what it prints, and so on. */
const runConsole: Checker = async ({ text }, stage) => {
  const parts = text.split(/^\$ /m).slice(1);
  if (parts.length === 0) return 'shows no command after a "$ "';
  for (const part of parts) {
    const [, command = '', shown = ''] = /^((?:.*\\\n)*.*)\n?([^]*)$/.exec(part) ?? [];
    const difference = differenceBetween(shown, await stage.output(command));
    if (difference !== undefined) return `$ ${command}\n${difference}`;
  }
  return undefined;
};

/** Runs the block as a program, in the page's folder. */
const runProgram =
  (interpreter: string): Checker =>
  (block, stage, goodCodes) =>
    runShell(
      {
        ...block,
        text: `${interpreter} <<'PROGRAM'\n${block.text.replaceAll('127.0.0.1:8080', stage.mainAddress)}\nPROGRAM\n`,
      },
      stage,
      goodCodes,
    );

/** Left out in a fragment: what every configuration needs. */
const base = {
  deployment: 'deployment = "documented"\n',
  regions: '[[regions]]\nname = "us-east-1"\nvault = "local-kms"\n',
  store: '[store]\nkind = "sqlite"\n',
};

export function completed(fragment: string): string {
  const there = parseTomlText(fragment);
  const top = 'deployment' in there ? '' : base.deployment;
  const tables = ['regions' in there ? '' : base.regions, 'store' in there ? '' : base.store];
  return `${top}${fragment}\n${tables.join('')}`;
}

const checkToml: Checker = ({ text }) =>
  thrownBy(() => {
    const config = parseConfig(completed(text));
    if (config.isErr()) throw new Error(showConfigProblems(config.error));
  });

const checkJson: Checker = async ({ text, mark }, stage) => {
  const broken = thrownBy(() => JSON.parse(text));
  if (broken !== undefined || mark?.kind !== 'like') return broken;
  const printed = await stage.output(mark.text);
  const found = thrownBy(() => JSON.parse(printed));
  if (found !== undefined) return `${mark.text} printed no JSON: ${printed}`;
  const [shown, real] = [text, printed].map((each) =>
    JSON.stringify(shapeOf(JSON.parse(each)), undefined, 1),
  );
  return shown === real ? undefined : `shown:\n${shown ?? ''}\nreal:\n${real ?? ''}`;
};

const checkJsonLines: Checker = ({ text }) =>
  thrownBy(() =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  );

const checkText: Checker = async ({ text, mark }, stage) => {
  switch (mark?.kind) {
    case 'like':
      return differenceBetween(text, mark.text === '' ? stage.printed : await stage.output(mark.text));
    case 'tree':
      return missingOf(text);
    case 'picture':
      return undefined;
    case 'not run':
    case undefined:
      return 'a block of text says what it is by a mark: <!-- like: command -->, <!-- tree --> or <!-- picture: of what -->';
  }
};

function missingOf(text: string): string | undefined {
  const names = text.split('\n').map((line) => /^[\w./-]+/.exec(line)?.[0]);
  const missing = names.filter((name) => name !== undefined && !existsSync(name));
  return missing.length === 0 ? undefined : `not there: ${missing.join(', ')}`;
}

/** Sections and `Key=value` lines, as systemd and others read them. */
const checkIni: Checker = ({ text }) =>
  text.split('\n').find((line) => !/^\s*$|^[#;]|^\[[A-Za-z]+\]$|^[A-Za-z]+=.*$/.test(line));

/** The syntax alone; the page's whole examples are compiled in examples.test.ts. */
const checkTypeScript: Checker = ({ text }) => {
  const { diagnostics = [] } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.ESNext },
  });
  return diagnostics.length === 0
    ? undefined
    : diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')).join('\n');
};

/** How a command is called; names.test.ts holds it against the command. */
const checkUsage: Checker = ({ text }) => {
  const other = text
    .trimEnd()
    .split('\n')
    .find((line) => !line.startsWith('rkms '));
  return other === undefined ? undefined : `a block without a language is for usages of rkms alone: ${other}`;
};

export const checkers: Readonly<Record<string, Checker>> = {
  '': checkUsage,
  sh: runShell,
  console: runConsole,
  js: runProgram(`'${process.execPath}' --input-type=module`),
  python: runProgram('python3'),
  toml: checkToml,
  json: checkJson,
  jsonl: checkJsonLines,
  yaml: ({ text }) => parseAllDocuments(text).flatMap(({ errors }) => errors.map(messageOf))[0],
  ini: checkIni,
  ts: checkTypeScript,
  text: checkText,
};

/** A block that cannot be run here is read all the same: its shell must parse. */
export const unrunCheckers: Readonly<Record<string, Checker>> = {
  sh: ({ text }) =>
    thrownBy(() => execFileSync('sh', ['-n'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] })),
  console: () => undefined,
};

export async function checkBlock(
  block: Block,
  stage: Stage,
  goodCodes: readonly number[] = [],
): Promise<string | undefined> {
  const { language, mark } = block;
  if (mark?.kind === 'not run') {
    if (!goodReasons.some((reason) => reason === mark.text))
      return `"${mark.text}" is no good reason not to run`;
    const read = unrunCheckers[language];
    return read === undefined ? `a block of ${language} has nothing to run` : read(block, stage, goodCodes);
  }
  const check = checkers[language];
  return check === undefined
    ? `${nameOf(block)}: nothing here can read "${language}"`
    : check(block, stage, goodCodes);
}
