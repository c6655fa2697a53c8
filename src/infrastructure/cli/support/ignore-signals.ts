// Signals that must not end the service.
import type { Logger } from 'pino';

/**
 * From the first moment on: a start can wait for a store, and these signals would end it. Tokens, certificates and key sets are
 * read again by themselves when their files change, and the log has no file. At a limit on file sizes (SIGXFSZ), a write fails
 * and the service goes on, as on a full disk. Answers how to end this.
 */
export function ignoreSignals(logger: Logger): () => void {
  const ignore = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGXFSZ') return;
    logger.info({ signal }, 'signal ignored: changed tokens and certificates are reloaded without it');
  };
  const ignored = ['SIGHUP', 'SIGUSR2', 'SIGALRM', 'SIGXFSZ'] as const;
  for (const name of ignored) process.on(name, ignore);
  return () => {
    for (const name of ignored) process.off(name, ignore);
  };
}
