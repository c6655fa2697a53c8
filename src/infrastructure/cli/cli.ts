// Runs a command and turns its end into an exit code: an OperatorError becomes a line on stderr; commander has reported
// mistakes in the arguments already. Everything else that is thrown is a bug and is not caught.
import { CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { OperatorError } from '../../adapters/system/operator-error.js';
import { exitCodes } from './support/exit-codes.js';
import { createProgram } from './program.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

// The reader closed the pipe, as `head` does.
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
