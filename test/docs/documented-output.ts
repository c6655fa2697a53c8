// Whether what a command printed is what a page shows, apart from what is different every time: keys, tokens, hashes, times,
// ports, measures. A page may leave out the rest of a line with `…`, and lines with a line of `…` alone.

const uuid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
const varying: readonly (readonly [RegExp, string])[] = [
  [/\brkms_[0-9A-Za-z]{12}_[\w-]{43}_[\w-]{6}/g, '<token>'],
  [uuid, '<uuid>'],
  [/[A-Za-z0-9+/]{43}=/g, '<key>'],
  [/\b[0-9a-f]{64}\b/g, '<hash>'],
  [/\b(?:[0-9a-f]{2}:){31}[0-9A-Fa-f]{2}\b/gi, '<fingerprint>'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?/g, '<time>'],
  [/\b(?=\w*[a-z])(?=\w+[A-Z\d])[0-9A-Za-z]{12}\b/g, '<public id>'],
  [/\b(127\.0\.0\.1|localhost):\d+/g, '$1:<port>'],
  [/\b\d+(?:\.\d+)? ?(?:ms|s|h|days|MiB|KiB|keys\/s)(?![\w/])/g, '<measure>'],
];

/** `text` with everything that varies replaced, and one space for each run of spaces. */
export const withoutVarying = (text: string): string =>
  varying
    .reduce((plain, [pattern, name]) => plain.replaceAll(pattern, name), text)
    .split('\n')
    .map((line) => line.replaceAll(/[ \t]+/g, ' ').trimEnd())
    .join('\n')
    .trim();

/** The first line that is not as shown, or undefined. */
export function differenceBetween(shown: string, printed: string): string | undefined {
  const lines = withoutVarying(printed).split('\n');
  let at = 0;
  let mayPass = false;
  for (const expected of withoutVarying(shown).split('\n')) {
    if (/^\s*(…|\.\.\.)$/.test(expected)) {
      mayPass = true;
      continue;
    }
    const found = lines.findIndex((line, index) => index >= at && isAsShown(expected, line));
    if (found === -1 || (found > at && !mayPass)) {
      return `shown:   ${expected}\nprinted: ${lines[at] ?? '(nothing more)'}`;
    }
    at = found + 1;
    mayPass = false;
  }
  return at < lines.length && !mayPass ? `not shown: ${lines[at] ?? ''}` : undefined;
}

function isAsShown(expected: string, line: string): boolean {
  const parts = expected.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(line);
}

/** The names and types of a JSON value, not its values; the shapes of a list's members together. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = new Set(value.map((member) => JSON.stringify(shapeOf(member))));
    return [...shapes].sort().map((shape) => JSON.parse(shape) as unknown);
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, member]) => [name, shapeOf(member)] as const);
    return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)));
  }
  return value === null ? 'null' : typeof value;
}
