// The exit codes of `rkms`, for scripts and schedulers; docs/cli.md has the same table. After a release the meaning of a code
// never changes.

export const exitCodes = {
  /** Success: done, and nothing is wrong. */
  ok: 0,
  /** Refused or failed; standard error has the reason. */
  failed: 1,
  /** Done; something was found that an operator must fix. */
  findings: 2,
  /** Stopped before the end, by a signal or a closed pipe; what was done stays done. */
  stopped: 3,
  /** Done; there are warnings, and nothing is broken. */
  warnings: 4,
  /** The command line is wrong, and nothing was done. EX_USAGE of sysexits.h, so that it differs from all other codes. */
  misuse: 64,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
