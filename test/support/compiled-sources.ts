// The sources as plain JavaScript, for tests that need processes of their own: transpiled file by file, without a look at
// types, into a temporary folder.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { huntedFolder } from './hunted-run.ts';
import { transpile } from './transpile.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const neededFolders = ['src/domain', 'src/ports', 'src/adapters', 'src/application'];

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

/** Compiles the sources and these files of the project into `folder`, from where Node can run them. */
export function compileSources(folder: string, ...more: readonly string[]): void {
  const sources = neededFolders.flatMap((under) =>
    readdirSync(join(project, under), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(under, name)),
  );
  for (const path of [...sources, ...more]) {
    const text = readFileSync(join(project, path), 'utf8');
    const target = join(folder, path.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, transpile(text, options, huntedFolder()));
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
}
