// Runs commands of the built program one after the other in one process: loading the program takes most of the time of a
// command, and here it is loaded once. Each command gets its own arguments, environment and working directory, and runs the
// same file that the program `rkms` runs. A service that goes on serving needs a process of its own (Lab.serve).
//
// Speaks with its parent by messages { number, args, cwd, env }. After a command it writes the end mark, with the exit code,
// to both its standard output and its standard error, so that the parent knows which bytes belong to which command.
import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const cli = pathToFileURL(resolve('dist/src/infrastructure/cli/cli.js')).href;
const program = resolve('dist/src/infrastructure/main.js');
const exited = Symbol('the command called process.exit');

let endCommand = () => undefined;
process.exit = (code) => {
  process.exitCode = code ?? process.exitCode ?? 0;
  endCommand();
  throw exited;
};
process.on('unhandledRejection', (cause) => {
  if (cause === exited) return;
  // As in a process of its own: a bug prints its stack and ends the command with 1.
  writeSync(2, `${cause instanceof Error ? cause.stack : String(cause)}\n`);
  process.exitCode = 1;
  endCommand();
});

async function run({ number, args, cwd, env }) {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, program, ...args];
  process.exitCode = undefined;
  const ended = new Promise((resolved) => (endCommand = resolved));
  try {
    // A new query makes Node run this one module again; all that it imports is loaded already.
    await Promise.race([import(`${cli}?command=${number}`), ended]);
  } catch (cause) {
    if (cause !== exited) {
      writeSync(2, `${cause instanceof Error ? cause.stack : String(cause)}\n`);
      process.exitCode = 1;
    }
  }
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error');
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
  const mark = `\0end ${number} ${process.exitCode ?? 0}\0`;
  process.exitCode = 0;
  process.stdout.write(mark);
  process.stderr.write(mark);
}

let queue = Promise.resolve();
process.on('message', (command) => {
  queue = queue.then(() => run(command));
});
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
