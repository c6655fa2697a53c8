// The progress of a scan, on stderr: one line that is updated in place on a terminal, else a log line every ten seconds.
import type { Logger } from 'pino';
import type { ScanProgress } from '../../../application/maintenance/scan-keys.js';

/** How often the line on a terminal is updated, and how often a line is logged. */
const terminalMs = 500;
const logMs = 10_000;

/** Shows the progress until the returned function is called. */
export function showProgress(progress: () => ScanProgress, logger: Logger): () => void {
  const { stderr } = process;
  if (!stderr.isTTY) {
    const timer = setInterval(() => {
      logger.info(rounded(progress()), 'progress');
    }, logMs);
    return () => {
      clearInterval(timer);
    };
  }
  const clear = '\r\u001b[K';
  const timer = setInterval(() => {
    stderr.write(`${clear}${progressLine(progress())}`);
  }, terminalMs);
  return () => {
    clearInterval(timer);
    stderr.write(clear);
  };
}

/** As `1200 of 100000 keys (1 %), 950/s, 1 min 44 s left`. */
export function progressLine({ done, total, perSecond, remainingMs }: ScanProgress): string {
  const isKnown = total !== undefined && total >= done && total > 0;
  const of = isKnown ? ` of ${total} keys (${Math.floor((100 * done) / total)} %)` : ' keys';
  const remaining = remainingMs === undefined ? '' : `, ${duration(remainingMs)} left`;
  return `${done}${of}, ${Math.round(perSecond)}/s${remaining}`;
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

const rounded = ({ done, total, perSecond, remainingMs }: ScanProgress): object => ({
  done,
  ...(total !== undefined && { total }),
  perSecond: Math.round(perSecond),
  ...(remainingMs !== undefined && { remainingSeconds: Math.ceil(remainingMs / 1_000) }),
});
