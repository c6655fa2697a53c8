// Where in a TOML file an option stands, for whoever has to change it. Follows the heads of tables and the keys at the
// beginning of lines; what is written in another way is found by the table that it is in, or not at all.

/** The line, from 1, of an option such as `regions[1].kms_key`; that of what it is in, where it is not there itself. */
export function lineOfOption(toml: string, path: string): number | undefined {
  const [, given] = /^line (\d+)/.exec(path) ?? [];
  if (given !== undefined) return Number(given);
  const lines = linesOf(toml);
  for (let wanted = path; wanted !== ''; wanted = parentOf(wanted)) {
    const line = lines.get(wanted);
    if (line !== undefined) return line;
  }
  return undefined;
}

const parentOf = (path: string): string => path.replace(/(^|\.[^.[]+|\[\d+\])$|^[^.[]+$/, '');

/** :: path -> line */
function linesOf(toml: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const counts = new Map<string, number>();
  const note = (path: string, line: number): void => {
    if (!found.has(path)) found.set(path, line);
  };
  let table = '';
  for (const [index, text] of toml.split('\n').entries()) {
    const [, list, single] = /^\s*(?:\[\[\s*([\w.-]+)\s*\]\]|\[\s*([\w.-]+)\s*\])/.exec(text) ?? [];
    const [, key] = /^\s*([\w-]+)\s*=/.exec(text) ?? [];
    if (list !== undefined) {
      const count = counts.get(list) ?? 0;
      counts.set(list, count + 1);
      table = `${list}[${count}]`;
      note(list, index + 1);
      note(table, index + 1);
    } else if (single !== undefined) {
      table = single;
      note(table, index + 1);
    } else if (key !== undefined) {
      note(table === '' ? key : `${table}.${key}`, index + 1);
    }
  }
  return found;
}
