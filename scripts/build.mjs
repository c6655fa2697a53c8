// Compiles to dist/ without a moment in which dist/ does not work: into a folder beside it first, then each file that changed
// takes the place of the old one by a rename, and files without a source are removed last. Two builds at once do no harm.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const dist = join(project, 'dist');
const fresh = join(project, `dist.new-${process.pid}`);

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

// Sources that change while this runs are newer than the stamp, and are built again next time.
const startedAt = new Date();

const isSame = (one, other) => existsSync(other) && readFileSync(one).equals(readFileSync(other));

try {
  const compiler = join(project, 'node_modules/typescript/bin/tsc');
  const compiled = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', fresh], {
    cwd: project,
    stdio: 'inherit',
  });
  if (compiled.status !== 0) process.exit(compiled.status ?? 1);
  chmodSync(join(fresh, 'src/infrastructure/main.js'), 0o755);
  const files = filesIn(fresh);
  for (const file of files) {
    const target = join(dist, file);
    if (isSame(join(fresh, file), target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(fresh, file), target);
  }
  const current = new Set([...files, '.built']);
  for (const file of filesIn(dist)) if (!current.has(file)) rmSync(join(dist, file), { force: true });
  const stamp = join(dist, '.built');
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
