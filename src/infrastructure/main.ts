#!/usr/bin/env node
// The program `rkms`. Checks the version of Node before it loads anything else: an older Node would fail with an error about
// some built-in module.
import { boundHeap } from './startup/bounded-heap.js';
import { canRunOn, neededNode } from './startup/node-version.js';

if (canRunOn(process.versions.node)) {
  hideWarningAboutSqlite();
  boundHeap();
  await import('./cli/cli.js');
} else {
  process.stderr.write(
    `rkms: this is Node ${process.versions.node}, and RKMS needs ${neededNode} or newer\n` +
      '  in a clone of RKMS, `make build` installs Node 24, and ./rkms runs on it\n',
  );
  process.exitCode = 1;
}

/** Node 22 warns at each start that SQLite is experimental: useless to operators, and not a JSON line in the log. */
function hideWarningAboutSqlite(): void {
  const warn = process.emitWarning.bind(process) as (...about: readonly unknown[]) => void;
  process.emitWarning = (...about: readonly unknown[]): void => {
    const isAboutSqlite = about[1] === 'ExperimentalWarning' && String(about[0]).startsWith('SQLite is');
    if (!isAboutSqlite) warn(...about);
  };
}
