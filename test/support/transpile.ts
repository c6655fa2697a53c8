// TypeScript or modern modules as the JavaScript that Node runs, file by file and without a look at types. Tests that need
// programs of their own ask for the same files again and again: within a test run each text is transpiled once.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const inMemory = new Map<string, string>();

/** `runFolder` is the folder of this test run, shared by its processes; without one only this process remembers. */
export function transpile(source: string, compilerOptions: ts.CompilerOptions, runFolder?: string): string {
  const key = createHash('sha256')
    .update(JSON.stringify([compilerOptions, source]))
    .digest('hex');
  const found = inMemory.get(key) ?? fromFolder(runFolder, key);
  const text = found ?? ts.transpileModule(source, { compilerOptions }).outputText;
  inMemory.set(key, text);
  if (found === undefined && runFolder !== undefined) intoFolder(runFolder, key, text);
  return text;
}

const pathOf = (runFolder: string, key: string): string => join(runFolder, 'transpiled', `${key}.js`);

function fromFolder(runFolder: string | undefined, key: string): string | undefined {
  if (runFolder === undefined || !existsSync(pathOf(runFolder, key))) return undefined;
  return readFileSync(pathOf(runFolder, key), 'utf8');
}

/** Another process may do the same at the same time: the file appears as a whole. */
function intoFolder(runFolder: string, key: string, text: string): void {
  const path = pathOf(runFolder, key);
  mkdirSync(join(runFolder, 'transpiled'), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}
