#!/usr/bin/env node
// The program `rkms`. Loads nothing of RKMS before it is sure that this Node can run it, because an older one would fail
// with an error about a module that nobody has heard of.
import { canRunOn, neededNode } from './startup/node-version.js';

if (canRunOn(process.versions.node)) {
  hideWarningAboutSqlite();
  await import('./cli/cli.js');
} else {
  process.stderr.write(
    `rkms: this is Node ${process.versions.node}, and RKMS needs ${neededNode} or newer\n` +
      '  in a checkout of RKMS, `make run` brings its own\n',
  );
  process.exitCode = 1;
}

/** Node 22 calls its SQLite an experiment at each start: of no use to an operator, and no line of JSON in the log. */
function hideWarningAboutSqlite(): void {
  const warn = process.emitWarning.bind(process) as (...about: readonly unknown[]) => void;
  process.emitWarning = (...about: readonly unknown[]): void => {
    const isAboutSqlite = about[1] === 'ExperimentalWarning' && String(about[0]).startsWith('SQLite is');
    if (!isAboutSqlite) warn(...about);
  };
}
