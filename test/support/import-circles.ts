// Finds imports that form a circle. A circle of files or of folders cannot be understood, tested or moved piece by piece.
// Knows nothing of the project's folders: which direction is right is decided in import-rules.ts.

/** :: name -> the names it imports. Names that only occur as targets import nothing. */
export type ImportGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** The same graph with each name replaced by `groupOf(name)`, without imports inside one group. */
export function grouped(graph: ImportGraph, groupOf: (name: string) => string): ImportGraph {
  const groups = new Map<string, Set<string>>();
  for (const [name, targets] of graph) {
    const own = groupOf(name);
    const known = groups.get(own) ?? new Set();
    groups.set(own, known);
    for (const target of targets) if (groupOf(target) !== own) known.add(groupOf(target));
  }
  return groups;
}

/** One circle of each knot of circular imports, as `[a, b, a]`; empty when there is none. */
export function circles(graph: ImportGraph): readonly (readonly string[])[] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    const at = path.indexOf(name);
    if (at !== -1) found.push([...path.slice(at), name]);
    if (at !== -1 || done.has(name)) return;
    path.push(name);
    for (const target of graph.get(name) ?? []) visit(target);
    path.pop();
    done.add(name);
  };
  for (const name of graph.keys()) visit(name);
  return found;
}
