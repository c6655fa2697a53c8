// Opens the service's log on standard error: readable lines on a terminal, JSON everywhere else, unless the configuration
// chooses the format.
import { isatty } from 'node:tty';
import { pino, type Logger } from 'pino';
import { LogSink } from '../../adapters/pino/log-sink.js';
import { prettyLine } from '../../adapters/pino/pretty-line.js';
import { showsColours } from '../../adapters/system/terminal-colours.js';
import type { Config } from '../config/config.js';
import type { Environment } from '../config/environment.js';

const standardError = 2;
/** A few thousand lines: how far a reader may fall behind before lines are dropped. */
const maxQueued = 1_048_576;
const closeTimeoutMs = 2_000;

export interface OpenLog {
  readonly logger: Logger;
  /** Writes what waits, for two seconds at most. */
  close(): Promise<void>;
  /** Gives up what waits. */
  abandon(): void;
}

/** `advised` gets each `hint`, and may add to the commands that it names. */
export function openLog(
  { level, format }: Config['log'],
  environment: Environment,
  advised: (hint: string) => string,
  /** Of one of several workers, which share standard error: a field of every line. */
  base: { readonly worker: number } | null = null,
): OpenLog {
  const isTerminal = isatty(standardError);
  const pretty = format === 'pretty' || (format === 'auto' && isTerminal);
  const colours = showsColours(isTerminal, environment['NO_COLOR']);
  const form = (json: string): string => (pretty ? prettyLine(json, colours) : json);
  const droppedLine = (count: number): string =>
    form(
      `{"level":40,"time":${Date.now()},"count":${count},"msg":"log lines were dropped: the reader was too slow"}\n`,
    );
  const sink = new LogSink({
    fd: standardError,
    maxQueued,
    closeTimeoutMs,
    droppedLine,
    ...(base && { maxWrite: 4_096 }),
  });
  const logger = pino(
    { level, base, serializers: { hint: advised } },
    {
      write: (json) => {
        sink.write(form(json));
      },
    },
  );
  return {
    logger,
    close: () => sink.close(),
    abandon: () => {
      sink.abandon();
    },
  };
}
