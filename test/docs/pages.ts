// The documentation as data: every page with its headings, links, code spans and fenced blocks, and the mark that a block
// may bear. Reads Markdown as far as these pages use it; what it cannot read is an error, never skipped.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** An HTML comment right before a block. */
export type Mark =
  /** Cannot be run here; `text` is the reason. */
  | { readonly kind: 'not run'; readonly text: string }
  /** Looks like what the command `text` prints. */
  | { readonly kind: 'like'; readonly text: string }
  /** A picture made of letters, or something to be read by people alone; `text` says what. */
  | { readonly kind: 'picture'; readonly text: string }
  /** Names of files and folders, the first word of each line. */
  | { readonly kind: 'tree'; readonly text: string };

export interface Block {
  readonly page: string;
  /** Of its opening fence. */
  readonly line: number;
  /** The first word after the fence; empty where there is none. */
  readonly language: string;
  /** Without the indentation of the list that it stands in; ends with a line feed. */
  readonly text: string;
  readonly mark?: Mark;
}

export interface Place {
  readonly text: string;
  readonly line: number;
}

export interface Page {
  /** From the project's root, as `docs/stores.md`. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly anchors: ReadonlySet<string>;
  /** Targets of links and pictures. */
  readonly links: readonly Place[];
  /** What stands between backticks in prose. */
  readonly spans: readonly Place[];
}

const fence = /^( *)(`{3,}|~{3,}) *([^`]*)$/;
const comment = /^ *<!-- ([^]*?) -->$/;

/** README and its neighbours, and everything below docs/. */
export function readPages(): readonly Page[] {
  const inDocs = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => posix.join('docs', name.replaceAll('\\', '/')))
    .sort();
  const paths = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...inDocs];
  return paths.map((path) => parsePage(path, readFileSync(path, 'utf8')));
}

export function parsePage(path: string, text: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [, indent = '', ticks, info = ''] = fence.exec(lines[at] ?? '') ?? [];
    if (ticks === undefined) {
      prose.push(lines[at] ?? '');
      continue;
    }
    const end = lines.findIndex((line, index) => index > at && closes(line, ticks));
    if (end === -1) throw new Error(`${path}:${at + 1}: the block has no end`);
    const body = lines.slice(at + 1, end).map((line) => withoutIndent(line, indent.length));
    const mark = markBefore(prose, `${path}:${at + 1}`);
    const [language = ''] = info.trim().split(/\s+/);
    const content = body.map((line) => `${line}\n`).join('');
    blocks.push({ page: path, line: at + 1, language, text: content, ...(mark && { mark }) });
    // Something stands here, so that no mark reaches beyond its block; the rest keeps the numbers of the lines.
    prose.push('\0');
    for (let skipped = at; skipped < end; skipped += 1) prose.push('');
    at = end;
  }
  return { path, text, blocks, anchors: anchorsOf(prose), links: linksIn(prose), spans: spansIn(prose) };
}

export const nameOf = ({ page, line, language }: Block): string => `${page}:${line} ${language}`.trim();

const closes = (line: string, ticks: string): boolean => {
  const closing = line.trim();
  return closing.length >= ticks.length && closing === ticks.charAt(0).repeat(closing.length);
};

const withoutIndent = (line: string, width: number): string =>
  line.slice(0, width).trim() === '' ? line.slice(width) : line.trimStart();

function markBefore(prose: readonly string[], where: string): Mark | undefined {
  const before = prose.findLast((line) => line.trim() !== '') ?? '';
  const [, text] = comment.exec(before) ?? [];
  if (text === undefined) return undefined;
  const [, kind, rest = ''] = /^(not run|like|picture|tree)(?:: (.+))?$/.exec(text) ?? [];
  switch (kind) {
    case 'not run':
    case 'like':
    case 'picture':
    case 'tree':
      return { kind, text: rest };
    case undefined:
    default:
      throw new Error(`${where}: the mark "${text}" is not known`);
  }
}

/** As GitHub makes them of headings. */
function anchorsOf(prose: readonly string[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of prose) {
    const [, heading] = /^#{1,6} +(.+?) *#*$/.exec(line) ?? [];
    if (heading === undefined) continue;
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
    let name = slug;
    for (let again = 1; anchors.has(name); again += 1) name = `${slug}-${again}`;
    anchors.add(name);
  }
  return anchors;
}

/** Text between backticks may go on in the next line, as everything in a paragraph may. */
function spansIn(prose: readonly string[]): readonly Place[] {
  return matches(prose, /(?<!`)`([^`]+)`(?!`)/g);
}

function linksIn(prose: readonly string[]): readonly Place[] {
  const withoutCode = prose.join('\n').replaceAll(/`[^`]+`/g, (code) => code.replaceAll(/[^\n]/g, 'x'));
  const lines = withoutCode.split('\n');
  return [
    ...matches(lines, /\]\(([^)\s]+)(?: "[^"]*")?\)/g),
    ...matches(lines, /<(https?:[^>\s]+)>/g),
    ...matches(lines, /(?:src|srcset|href)="([^"\s]+)"/g),
  ];
}

function matches(lines: readonly string[], pattern: RegExp): readonly Place[] {
  const text = lines.join('\n');
  return [...text.matchAll(pattern)].map((match) => ({
    text: (match[1] ?? '').replaceAll(/\s+/g, ' '),
    line: text.slice(0, match.index).split('\n').length,
  }));
}
