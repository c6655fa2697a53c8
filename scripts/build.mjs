// Compiles to a new folder dist-<time>-<pid>/ and then points the link dist at it in one step. So dist/ works at every moment, a
// program that is running keeps the files that it started with, and two builds at once do no harm. Earlier folders are removed
// by a build ten minutes later. With --pack, dist becomes a folder, because npm packs no links.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const keepMs = 10 * 60_000;
const project = fileURLToPath(new URL('..', import.meta.url));
const dist = join(project, 'dist');
// A source that changes during the build is newer than the stamp, so that the next build compiles it.
const startedAt = new Date();
const folder = join(project, `dist-${startedAt.getTime()}-${process.pid}`);

const isLink = (path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

function compile() {
  const compiler = join(project, 'node_modules/typescript-7/bin/tsc');
  const { status } = spawnSync(
    process.execPath,
    // `make test` and `make lint` check the types of everything; a build that checked them again would take half as long again.
    [compiler, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', folder],
    { cwd: project, stdio: 'inherit' },
  );
  if (status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    process.exit(status ?? 1);
  }
  chmodSync(join(folder, 'src/infrastructure/main.js'), 0o755);
  const stamp = join(folder, '.built');
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
}

/** Moves a dist that is a folder, of --pack or of an older version, out of the way. Another build may have done it already. */
function moveFolderAway() {
  try {
    if (!isLink(dist)) renameSync(dist, `${folder}.old`);
  } catch (cause) {
    if (cause.code !== 'ENOENT') throw cause;
  }
}

/** Renaming a link onto a link is one step for every other process. */
function publish() {
  symlinkSync(basename(folder), `${folder}.link`);
  moveFolderAway();
  renameSync(`${folder}.link`, dist);
}

function publishForPacking() {
  moveFolderAway();
  if (isLink(dist)) unlinkSync(dist);
  renameSync(folder, dist);
}

function removeOldBuilds() {
  const current = realpathSync(dist);
  for (const name of readdirSync(project)) {
    const path = join(project, name);
    const changed = /^dist-\d+-\d+(\.link|\.old)?$/.test(name) && lstatSync(path, { throwIfNoEntry: false });
    if (changed && path !== current && changed.mtimeMs < Date.now() - keepMs) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

compile();
if (process.argv.includes('--pack')) publishForPacking();
else publish();
removeOldBuilds();
