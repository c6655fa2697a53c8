// On which line of a TOML text each value stands, for people who have to find it. Reads only texts that a parser has
// accepted: what is wrong with a text is for the parser to say, and this one may then say anything but never fails to end.

/** :: path as `regions[1].kms_key` -> line, counted from 1; tables and elements of lists are there too. */
export function tomlLines(text: string): ReadonlyMap<string, number> {
  const scan = new Scan(text);
  while (!scan.atEnd()) scan.statement();
  return scan.lines;
}

class Scan {
  readonly lines = new Map<string, number>();
  private at = 0;
  private table = '';
  /** :: path of a list of tables -> how many there were */
  private readonly counts = new Map<string, number>();

  constructor(private readonly text: string) {}

  atEnd(): boolean {
    this.take(/(?:\s|#[^\n]*)*/y);
    return this.at >= this.text.length;
  }

  /** A header, or a key and its value. */
  statement(): void {
    const brackets = this.take(/\[{0,2}/y);
    if (brackets === '') {
      this.pair(this.table);
    } else {
      this.table = this.header(this.key(), brackets === '[[');
      this.take(/\s*\]{0,2}/y);
    }
  }

  private header(key: readonly string[], isList: boolean): string {
    return key.reduce((outer, name, index) => {
      const path = this.note(joined(outer, name));
      const isNew = isList && index === key.length - 1;
      const count = (this.counts.get(path) ?? 0) + (isNew ? 1 : 0);
      if (count === 0) return path;
      this.counts.set(path, count);
      return this.note(`${path}[${count - 1}]`);
    }, '');
  }

  private pair(outer: string): void {
    const key = this.key();
    const path = key.reduce((within, name) => this.note(joined(within, name)), outer);
    this.take(/[ \t]*=?\s*/y);
    this.value(path);
  }

  /** The parts of a dotted key. */
  private key(): readonly string[] {
    const parts: string[] = [];
    do {
      this.take(/[ \t]*/y);
      const part = this.take(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s.=\]"']*/y);
      parts.push(part.startsWith('"') ? textOf(part) : part.replace(/^'|'$/g, ''));
      this.take(/[ \t]*/y);
    } while (this.take(/\./y) !== '');
    return parts;
  }

  private value(path: string): void {
    const open = this.take(/[[{]/y);
    if (open === '[')
      this.members(/\]/y, (index) => {
        this.value(this.note(`${path}[${index}]`));
      });
    else if (open === '{')
      this.members(/\}/y, () => {
        this.pair(path);
      });
    else this.take(plainValue);
  }

  private members(close: RegExp, member: (index: number) => void): void {
    for (let index = 0; ; index += 1) {
      if (this.atEnd() || this.take(close) !== '') return;
      member(index);
      this.take(/(?:\s|#[^\n]*)*,?/y);
    }
  }

  /** Remembers that `path` stands here, the first time. */
  private note(path: string): string {
    if (!this.lines.has(path)) this.lines.set(path, this.line());
    return path;
  }

  private line(): number {
    return this.text.slice(0, this.at).split('\n').length;
  }

  /** What stands here of `pattern`; goes past it. */
  private take(pattern: RegExp): string {
    const sticky = new RegExp(pattern);
    sticky.lastIndex = this.at;
    const [found = ''] = sticky.exec(this.text) ?? [];
    this.at += found.length;
    return found;
  }
}

/** A text in one of its four spellings, or anything up to what ends it. Never empty, so that every reading ends. */
const plainValue = /"""(?:[^\\]|\\[^])*?"{3,5}|'''[^]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^,\]}#\n]+|[^]/y;

const joined = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

function textOf(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}
