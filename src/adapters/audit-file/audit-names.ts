// The names of an audit log's files, derived from the configured name. Each writing process is a writer with a number, and
// has its own file and chain: `audit.jsonl`, `audit-2.jsonl`, ... A full file is renamed to `audit.000001.jsonl`.
import { readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

const digits = 6;

/** The current file of a writer; writers count from 1. */
export function writerPath(base: string, writer: number): string {
  const { folder, stem, ending } = partsOf(base);
  return writer === 1 ? base : join(folder, `${stem}-${writer}${ending}`);
}

/** The full files of the writer of `path`, oldest first. */
export function rotatedFiles(path: string): readonly string[] {
  const { folder, stem, ending } = partsOf(path);
  const name = new RegExp(`^${escaped(stem)}\\.\\d{${digits},}${escaped(ending)}$`);
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .map((file) => join(folder, file));
}

/** The next free name for a full file of the writer of `path`. */
export function nextRotatedName(path: string): string {
  const { folder, stem, ending } = partsOf(path);
  const last = rotatedFiles(path).at(-1);
  const number = last === undefined ? 0 : Number(/(\d+)$/.exec(partsOf(last).stem)?.[1]);
  return join(folder, `${stem}.${String(number + 1).padStart(digits, '0')}${ending}`);
}

/** All files of the audit log, grouped by writer, each group oldest first: the order that `verifyAudit` needs. */
export function filesOfLog(base: string): readonly string[] {
  const { folder, stem, ending } = partsOf(base);
  const name = new RegExp(`^${escaped(stem)}(?:-(\\d+))?(?:\\.(\\d{${digits},}))?${escaped(ending)}$`);
  const places = readdirSync(folder).flatMap((file) => {
    const found = name.exec(file);
    if (!found) return [];
    const [, writer = '1', number = 'Infinity'] = found;
    return [{ path: join(folder, file), writer: Number(writer), number: Number(number) }];
  });
  return places.sort((a, b) => a.writer - b.writer || a.number - b.number || 0).map(({ path }) => path);
}

/** The current file of the writer of `path`, which may be one of its full files. */
export const writerOf = (path: string): string =>
  path.replace(new RegExp(`\\.\\d{${digits},}(?=(?:\\.[^./]*)?$)`), '');

function partsOf(path: string): { readonly folder: string; readonly stem: string; readonly ending: string } {
  const ending = extname(path);
  return { folder: dirname(path), stem: basename(path, ending), ending };
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
