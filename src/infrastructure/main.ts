#!/usr/bin/env node
// The program `rkms`. Loads nothing of RKMS before it is sure that this Node can run it, because an older one would fail
// with an error about a module that nobody has heard of.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 13)) {
  await import('./cli.js');
} else {
  process.stderr.write(
    `rkms: this is Node ${process.versions.node}, and RKMS needs 22.13 or newer\n` +
      '  in a checkout of RKMS, `make run` brings its own\n',
  );
  process.exitCode = 1;
}
