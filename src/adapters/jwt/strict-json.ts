// JSON in which nothing can be read in two ways: valid UTF-8, an object at the top, each member once, not nested without
// end. `JSON.parse` alone takes the last of two members, where another program takes the first.

const maxDepth = 8;
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object, or undefined when the bytes are anything else. */
export function strictObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = strictUtf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return isUnambiguous(text) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Of a text that is JSON: no object has a member twice, however its name is escaped. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  const tokens = text.match(token) ?? [];
  for (const [index, part] of tokens.entries()) {
    if (part === '{') open.push(new Set());
    else if (part === '[') open.push(undefined);
    else if (part === '}' || part === ']') open.pop();
    else if (tokens[index + 1] === ':' && part !== ':') {
      const name = JSON.parse(part) as string;
      const names = open.at(-1);
      if (names?.has(name) === true) return false;
      names?.add(name);
    }
    if (open.length > maxDepth) return false;
  }
  return true;
}
