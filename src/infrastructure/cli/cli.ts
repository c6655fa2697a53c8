// Runs the command that was asked for, and makes of every end an exit code: a OperatorError becomes a line on stderr, a
// mistake in the arguments was told already. Whatever else is thrown is a bug and stays one.
import { CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { OperatorError } from '../../ports/operator-error.js';
import { exitCodes } from './support/exit-codes.js';
import { createProgram } from './program.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

// Whoever reads has seen enough, as `head` does: nobody is left to tell anything.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code !== 'EPIPE') throw cause;
  process.exit(exitCodes.stopped);
});

try {
  await createProgram(version).parseAsync();
} catch (cause) {
  if (cause instanceof CommanderError) {
    process.exitCode = cause.exitCode === 0 ? exitCodes.ok : exitCodes.misuse;
  } else {
    if (!(cause instanceof OperatorError)) throw cause;
    process.stderr.write(`rkms: ${cause.message}\n${cause.hint && `  ${cause.hint}\n`}`);
    process.exit(exitCodes.failed);
  }
}
