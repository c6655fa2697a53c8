// Runs a command and turns its end into an exit code: an OperatorError becomes a line on stderr; commander has reported
// mistakes in the arguments already. Everything else that is thrown is a bug and is not caught.
import { CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { OperatorError } from '../../adapters/system/operator-error.js';
import { advised } from './support/advice.js';
import { exitCodes } from './support/exit-codes.js';
import { createProgram } from './program.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

// With EPIPE the reader closed the pipe, as `head` does.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit(exitCodes.stopped);
  process.stderr.write(`rkms: standard output cannot be written (${code ?? 'unknown'})\n`);
  process.exit(exitCodes.failed);
});
// Nothing can be told when the reports of errors cannot be written.
process.stderr.on('error', () => undefined);

try {
  await createProgram(version).parseAsync();
} catch (cause) {
  if (cause instanceof CommanderError) {
    process.exitCode = cause.exitCode === 0 ? exitCodes.ok : exitCodes.misuse;
  } else {
    if (!(cause instanceof OperatorError)) throw cause;
    process.stderr.write(`rkms: ${cause.message}\n${cause.hint && `  ${advised(cause.hint)}\n`}`);
    process.exit(exitCodes.failed);
  }
}
