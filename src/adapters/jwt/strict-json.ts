// Parses JSON that every program reads the same way: valid UTF-8, an object at the top, no duplicate members, bounded depth.
// `JSON.parse` alone uses the last of two duplicate members, where another program may use the first.

const maxDepth = 8;
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object, or undefined if the bytes are anything else. */
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

/** Whether no object in this JSON has a duplicate member, also if one name is escaped. */
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
