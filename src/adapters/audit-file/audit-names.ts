// Which files make an audit log, from the name in the configuration. Each writing process has a lane, a file of its own
// with a chain of its own: `audit.jsonl`, `audit-2.jsonl`, ... A full file is put aside as `audit.000001.jsonl`.
import { readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

const digits = 6;

/** The file that the process in this lane writes; lanes count from 1. */
export function lanePath(base: string, lane: number): string {
  const { folder, stem, ending } = partsOf(base);
  return lane === 1 ? base : join(folder, `${stem}-${lane}${ending}`);
}

/** Files of this lane that were put aside, oldest first. */
export function filesPutAside(path: string): readonly string[] {
  const { folder, stem, ending } = partsOf(path);
  const name = new RegExp(`^${escaped(stem)}\\.\\d{${digits},}${escaped(ending)}$`);
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .map((file) => join(folder, file));
}

/** The name for the next file of this lane to be put aside. */
export function nextNameAside(path: string): string {
  const { folder, stem, ending } = partsOf(path);
  const last = filesPutAside(path).at(-1);
  const number = last === undefined ? 0 : Number(/(\d+)$/.exec(partsOf(last).stem)?.[1]);
  return join(folder, `${stem}.${String(number + 1).padStart(digits, '0')}${ending}`);
}

/** All files of the audit log: lane by lane, and of each lane the oldest first. */
export function filesOfLog(base: string): readonly string[] {
  const { folder, stem, ending } = partsOf(base);
  const name = new RegExp(`^${escaped(stem)}(?:-(\\d+))?(?:\\.(\\d{${digits},}))?${escaped(ending)}$`);
  const places = readdirSync(folder).flatMap((file) => {
    const found = name.exec(file);
    if (!found) return [];
    const [, lane = '1', number = 'Infinity'] = found;
    return [{ path: join(folder, file), lane: Number(lane), number: Number(number) }];
  });
  return places.sort((a, b) => a.lane - b.lane || a.number - b.number || 0).map(({ path }) => path);
}

function partsOf(path: string): { readonly folder: string; readonly stem: string; readonly ending: string } {
  const ending = extname(path);
  return { folder: dirname(path), stem: basename(path, ending), ending };
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
