// Jest's globalSetup: everything that the tests of this run print or write is kept, to be searched at the end.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/** Jest loads this file without its transformers, and the oldest Node that RKMS runs on reads no TypeScript. */
async function loadHunt() {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-hunt-program-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of ['hunted-run', 'needles']) {
    const source = readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8');
    const compilerOptions = {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
    };
    writeFileSync(join(folder, `${name}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
  }
  const hunt = await import(pathToFileURL(join(folder, 'hunted-run.js')).href);
  rmSync(folder, { recursive: true });
  return hunt;
}

export const hunt = await loadHunt();

export default () => {
  hunt.beginHunt();
  hunt.tellPrinted('standard output of the test run', process.stdout);
  hunt.tellPrinted('standard error of the test run', process.stderr);
};
