#!/usr/bin/env node
// The program `rkms`. Loads nothing of RKMS before it is sure that this Node can run it, because an older one would fail
// with an error about a module that nobody has heard of.
import { canRunOn, neededNode } from './node-version.js';

if (canRunOn(process.versions.node)) {
  await import('./cli.js');
} else {
  process.stderr.write(
    `rkms: this is Node ${process.versions.node}, and RKMS needs ${neededNode} or newer\n` +
      '  in a checkout of RKMS, `make run` brings its own\n',
  );
  process.exitCode = 1;
}
