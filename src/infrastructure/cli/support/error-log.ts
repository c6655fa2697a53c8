// The log of a command that runs for long: errors, as JSON lines on standard error. A line that cannot be written is dropped, and
// does not end the command.
import { pino, type Logger } from 'pino';

export const errorLog = (): Logger =>
  pino(
    { level: 'error', base: null },
    {
      write: (line) => {
        process.stderr.write(line);
      },
    },
  );
