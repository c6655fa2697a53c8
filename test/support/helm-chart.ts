// Renders our chart without Helm, which is in neither npm nor Debian. Supports only the parts of Go templates and the functions
// of Helm that our chart uses; anything else throws.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';

export type Values = Readonly<Record<string, unknown>>;

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: string }
  | {
      readonly kind: 'if' | 'with';
      readonly pipeline: string;
      readonly then: readonly Piece[];
      readonly otherwise: readonly Piece[];
    };

interface Token {
  readonly kind: 'text' | 'action';
  readonly text: string;
}

/** Text, and actions in `{{ }}`; a dash in an action trims the white space beside it. */
function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let rest = source;
  let trims = false;
  for (;;) {
    const match =
      /\{\{(- |-(?=\/\*))?\s*(\/\*[\s\S]*?\*\/|(?:"(?:[^"\\]|\\.)*"|[^"}])*?)\s*( -|(?<=\*\/)-)?\}\}/.exec(
        rest,
      );
    const text = match === null ? rest : rest.slice(0, match.index);
    const left = trims ? text.trimStart() : text;
    tokens.push({ kind: 'text', text: match?.[1] ? left.trimEnd() : left });
    if (match === null) return tokens;
    const [whole, , action = '', after] = match;
    if (!action.startsWith('/*')) tokens.push({ kind: 'action', text: action });
    trims = after !== undefined;
    rest = rest.slice(match.index + whole.length);
  }
}

class Parser {
  private at = 0;
  constructor(
    private readonly tokens: readonly Token[],
    private readonly defined: Map<string, readonly Piece[]>,
  ) {}

  /** The pieces before the `end` or `else` of the enclosing block, which is not consumed. */
  pieces(): readonly Piece[] {
    const pieces: Piece[] = [];
    for (;;) {
      const token = this.tokens[this.at];
      if (token === undefined) return pieces;
      if (token.kind === 'action' && /^(end|else\b.*)$/.test(token.text)) return pieces;
      this.at += 1;
      if (token.kind === 'text') pieces.push({ kind: 'text', text: token.text });
      else pieces.push(...this.action(token.text));
    }
  }

  isDone(): boolean {
    return this.at === this.tokens.length;
  }

  private action(text: string): readonly Piece[] {
    const [, name] = /^define "([\w.]+)"$/.exec(text) ?? [];
    if (name !== undefined) {
      this.defined.set(name, this.pieces());
      this.expectEnd();
      return [];
    }
    const [, kind, pipeline = ''] = /^(if|with) (.+)$/.exec(text) ?? [];
    if (kind !== 'if' && kind !== 'with') return [{ kind: 'print', pipeline: text }];
    const then = this.pieces();
    return [{ kind, pipeline, then, otherwise: this.otherwise() }];
  }

  private otherwise(): readonly Piece[] {
    const token = this.tokens[this.at]?.text ?? '';
    const [, condition] = /^else if (.+)$/.exec(token) ?? [];
    if (condition !== undefined) {
      this.at += 1;
      const then = this.pieces();
      return [{ kind: 'if', pipeline: condition, then, otherwise: this.otherwise() }];
    }
    if (token !== 'else') {
      this.expectEnd();
      return [];
    }
    this.at += 1;
    const pieces = this.pieces();
    this.expectEnd();
    return pieces;
  }

  private expectEnd(): void {
    if (this.tokens[this.at]?.text !== 'end') throw new Error('missing end');
    this.at += 1;
  }
}

function parseTemplate(source: string, defined: Map<string, readonly Piece[]>): readonly Piece[] {
  const parser = new Parser(tokensOf(source), defined);
  const pieces = parser.pieces();
  if (!parser.isDone()) throw new Error('an end or else without its block');
  return pieces;
}

/** The values that count as false in Go templates. */
const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === 0 ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const shown = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`cannot print: ${JSON.stringify(value)}`);
};

const indented = (spaces: unknown, text: unknown): string =>
  shown(text)
    .split('\n')
    .map((line) => ' '.repeat(Number(spaces)) + line)
    .join('\n');

type Function = (...args: readonly unknown[]) => unknown;

const functions: Readonly<Record<string, Function | undefined>> = {
  add: (a, b) => Number(a) + Number(b),
  and: (...all) => all.find(isEmpty) ?? all.at(-1),
  default: (fallback, value) => (isEmpty(value) ? fallback : value),
  eq: (a, b) => a === b,
  lower: (text) => shown(text).toLowerCase(),
  ne: (a, b) => a !== b,
  nindent: (spaces, text) => `\n${indented(spaces, text)}`,
  not: (value) => isEmpty(value),
  printf: (format, ...args) => {
    const rest = [...args];
    return shown(format).replaceAll('%s', () => shown(rest.shift()));
  },
  quote: (value) => JSON.stringify(shown(value)),
  required: (message, value) => {
    if (value === undefined || value === null || value === '') throw new Error(shown(message));
    return value;
  },
  sha256sum: (text) => createHash('sha256').update(shown(text)).digest('hex'),
  toYaml: (value) => stringify(value, { sortMapEntries: true, lineWidth: 0 }).trimEnd(),
  trimSuffix: (suffix, text) => {
    const [end, whole] = [shown(suffix), shown(text)];
    return whole.endsWith(end) ? whole.slice(0, -end.length) : whole;
  },
  trunc: (length, text) => shown(text).slice(0, Number(length)),
};

class Renderer {
  constructor(private readonly defined: ReadonlyMap<string, readonly Piece[]>) {}

  render(pieces: readonly Piece[], dot: unknown, root: unknown): string {
    return pieces.map((piece) => this.one(piece, dot, root)).join('');
  }

  private one(piece: Piece, dot: unknown, root: unknown): string {
    if (piece.kind === 'text') return piece.text;
    const value = this.pipeline(piece.pipeline, dot);
    if (piece.kind === 'print') return shown(value);
    if (isEmpty(value)) return this.render(piece.otherwise, dot, root);
    return this.render(piece.then, piece.kind === 'with' ? value : dot, root);
  }

  private pipeline(text: string, dot: unknown): unknown {
    const words = wordsOf(text);
    const commands: string[][] = [[]];
    for (const word of words) {
      if (word === '|') commands.push([]);
      else commands.at(-1)?.push(word);
    }
    return commands.reduce<{ value: unknown } | undefined>((before, command) => {
      const piped = before === undefined ? [] : [before.value];
      return { value: this.command(command, piped, dot) };
    }, undefined)?.value;
  }

  private command([name = '', ...args]: readonly string[], piped: readonly unknown[], dot: unknown): unknown {
    const isOperand = /^[.("\d-]/.test(name) || name === 'true' || name === 'false';
    if (isOperand && args.length === 0 && piped.length === 0) return this.operand(name, dot);
    const values = [...args.map((arg) => this.operand(arg, dot)), ...piped];
    if (name === 'include') return this.include(values);
    const known = functions[name];
    if (known === undefined) throw new Error(`an unsupported function: ${name}`);
    return known(...values);
  }

  private include([name, dot]: readonly unknown[]): string {
    const pieces = this.defined.get(shown(name));
    if (pieces === undefined) throw new Error(`no template has the name ${shown(name)}`);
    return this.render(pieces, dot, dot);
  }

  private operand(word: string, dot: unknown): unknown {
    if (word.startsWith('(')) return this.pipeline(word.slice(1, -1), dot);
    if (word.startsWith('"')) return JSON.parse(word) as string;
    if (/^-?\d+$/.test(word)) return Number(word);
    if (word === '.') return dot;
    if (!/^(\.\w+)+$/.test(word)) throw new Error(`an unsupported operand: ${word}`);
    return word
      .slice(1)
      .split('.')
      .reduce<unknown>((at, name) => {
        if (typeof at !== 'object' || at === null || !(name in at))
          throw new Error(`no ${word}: add it to values.yaml`);
        return (at as Record<string, unknown>)[name];
      }, dot);
  }
}

/** The words of a command; an expression in parentheses is one word. */
function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  const pattern = /\s*("(?:[^"\\]|\\.)*"|\||[^\s()|"]+|\()/y;
  while (pattern.lastIndex < text.trimEnd().length) {
    const [, word = ''] = pattern.exec(text) ?? [];
    if (word === '') throw new Error(`cannot parse: ${text}`);
    if (word !== '(') {
      words.push(word);
      continue;
    }
    const from = pattern.lastIndex;
    let depth = 1;
    let to = from;
    for (; depth > 0 && to < text.length; to += 1) {
      if (text[to] === '(') depth += 1;
      if (text[to] === ')') depth -= 1;
    }
    words.push(`(${text.slice(from, to - 1)})`);
    pattern.lastIndex = to;
  }
  return words;
}

/** `over` merged into `base`, table by table, as Helm does it. */
export function mergedValues(base: Values, over: Values): Values {
  const isTable = (value: unknown): value is Values =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const merged = Object.entries(over).map(([name, value]) => {
    const below = base[name];
    return [name, isTable(value) && isTable(below) ? mergedValues(below, value) : value];
  });
  return { ...base, ...(Object.fromEntries(merged) as Values) };
}

export interface Release {
  readonly name: string;
  readonly namespace: string;
}

/** The values that templates can use. */
export function chartScope(folder: string, values: Values, { name, namespace }: Release): Values {
  const defaults = parse(readFileSync(join(folder, 'values.yaml'), 'utf8')) as Values;
  const chart = parse(readFileSync(join(folder, 'Chart.yaml'), 'utf8')) as Values;
  return {
    Values: mergedValues(defaults, values),
    Release: { Name: name, Namespace: namespace, Service: 'Helm' },
    Chart: { Name: chart['name'], Version: chart['version'], AppVersion: chart['appVersion'] },
  };
}

/** :: file in templates/ -> its text */
export function renderChart(folder: string, scope: Values): ReadonlyMap<string, string> {
  const defined = new Map<string, readonly Piece[]>();
  const files = readdirSync(join(folder, 'templates')).map((file) => {
    const source = readFileSync(join(folder, 'templates', file), 'utf8');
    return [file, parseTemplate(source, defined)] as const;
  });
  const renderer = new Renderer(defined);
  const texts = files
    .filter(([file]) => !file.startsWith('_'))
    .map(([file, pieces]) => [file, renderer.render(pieces, scope, scope)] as const);
  return new Map(texts);
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly [name: string]: unknown;
}

/** The objects in rendered templates; throws if a text is not YAML. */
export function manifestsIn(texts: ReadonlyMap<string, string>): readonly Manifest[] {
  return [...texts]
    .filter(([file]) => file.endsWith('.yaml'))
    .flatMap(([file, text]) =>
      parseAllDocuments(text).flatMap((document) => {
        if (document.errors.length > 0) throw new Error(`${file}: ${String(document.errors[0])}\n${text}`);
        return (document.toJS() as Manifest | null) ?? [];
      }),
    );
}
