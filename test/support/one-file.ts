// A program and all that it imports as one file of JavaScript, for tests that start it hundreds of times: half of the time
// that a process needs to start goes into finding and reading some four hundred modules. Looks at no types.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { huntedFolder } from './hunted-run.js';
import { transpile } from './transpile.js';

const project = fileURLToPath(new URL('../../', import.meta.url));

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.CommonJS,
  allowJs: true,
};

/** In place of the AWS SDK, a third of it all: every name is an empty class. */
const withoutAws = 'new Proxy({}, { get: () => class {} })';

interface Module {
  readonly text: string;
  /** :: what the module requires, in its words -> path */
  readonly requires: ReadonlyMap<string, string>;
}

/** Writes the program whose main file is `entry`, relative to the project, to `target`. */
export function writeOneFile(entry: string, target: string): void {
  const modules = new Map<string, Module>();
  const waiting = [join(project, entry)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (modules.has(path)) continue;
    const module = moduleAt(path);
    modules.set(path, module);
    waiting.push(...module.requires.values());
  }
  const numbers = new Map([...modules.keys()].map((path, number) => [path, number]));
  const numbered = ({ requires }: Module): object =>
    Object.fromEntries([...requires].map(([name, path]) => [name, numbers.get(path)]));
  const parts = [...modules.values()].map(
    (module) =>
      `[function (exports, require, module) {${module.text}\n}, ${JSON.stringify(numbered(module))}],`,
  );
  writeFileSync(target, `${loader}\nstart([\n${parts.join('\n')}\n]);\n`);
}

const loader = `
function start(modules) {
  const loaded = [];
  const load = (number) => {
    if (loaded[number]) return loaded[number].exports;
    const module = (loaded[number] = { exports: {} });
    const [run, requires] = modules[number];
    const find = (name) => {
      if (name.startsWith('@aws-sdk/')) return ${withoutAws};
      return name in requires ? load(requires[name]) : require(name);
    };
    run.call(module.exports, module.exports, find, module);
    return module.exports;
  };
  load(0);
}`;

function moduleAt(path: string): Module {
  const source = readFileSync(path, 'utf8');
  const text = path.endsWith('.json') ? `module.exports = ${source}` : asCommonJs(path, source);
  const names = [...text.matchAll(/\brequire\(["']([^"']+)["']\)/g)].map(([, name = '']) => name);
  const requires = names.flatMap((name) => {
    const found = isBuiltin(name) || name.startsWith('@aws-sdk/') ? undefined : resolve(path, name);
    return found === undefined ? [] : [[name, found] as const];
  });
  return { text, requires: new Map(requires) };
}

const asCommonJs = (path: string, source: string): string =>
  path.endsWith('.ts') || /^\s*(import|export)\b/m.test(source)
    ? transpile(source, options, huntedFolder()).replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      )
    : source;

function resolve(from: string, name: string): string | undefined {
  if (from.endsWith('.ts') && name.startsWith('.')) return join(from, '..', name.replace(/\.js$/, '.ts'));
  try {
    return createRequire(from).resolve(name);
  } catch {
    // What a package would like to have, but can do without.
    return undefined;
  }
}
