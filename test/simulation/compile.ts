// Transpiles the application and the simulation file by file into a temporary folder, with at most one text replaced: a
// mutant. The sources themselves are never changed.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** A text of one source file, which must occur exactly once, and its replacement. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const neededFolders = ['src/domain', 'src/ports', 'src/application', 'test/simulation', 'test/support'];

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
};

/** Returns the folder with the compiled sources; the caller deletes it. */
export function compileSimulation(project: string, patch?: Patch): string {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-simulation-'));
  let patched = false;
  for (const path of sourcePaths(project)) {
    const isPatched = path === patch?.file;
    patched ||= isPatched;
    const text = readFileSync(join(project, path), 'utf8');
    const source = isPatched ? applied(patch, text) : text;
    const target = join(folder, path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, transpiled(source));
  }
  if (patch && !patched) throw new Error(`there is no source file ${patch.file}`);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** :: source -> JavaScript; builds of several mutants differ in one file. */
const known = new Map<string, string>();

function transpiled(source: string): string {
  const text = known.get(source) ?? ts.transpileModule(source, { compilerOptions: options }).outputText;
  known.set(source, text);
  return text;
}

/** The text with the patch applied; throws unless the text to find occurs exactly once. */
export function applied({ file, find, replace }: Patch, text: string): string {
  const found = text.split(find).length - 1;
  if (found !== 1) throw new Error(`${file} has this text ${found} times, not once: ${find}`);
  return text.replace(find, () => replace);
}

const sourcePaths = (project: string): readonly string[] =>
  neededFolders.flatMap((under) =>
    readdirSync(join(project, under), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts'))
      .map((name) => join(under, name)),
  );
