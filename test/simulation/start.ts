// Compiles the simulation and runs one of its commands: `node test/simulation/start.ts simulate|run-mutants [options]`.
// Imports only what Node can run without a build; everything else is compiled first.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { compileSimulation } = (await import(
  new URL('compile.ts', import.meta.url).href
)) as typeof import('./compile.js');

const [command = 'simulate', ...options] = process.argv.slice(2);
const project = fileURLToPath(new URL('../../', import.meta.url));
const folder = compileSimulation(project);
try {
  const script = join(folder, 'test/simulation', `${command}.js`);
  const env = { ...process.env, RKMS_PROJECT: project };
  const { status } = spawnSync(process.execPath, [script, ...options], { stdio: 'inherit', env });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
