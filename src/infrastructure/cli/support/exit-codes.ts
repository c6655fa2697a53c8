// What the program's exit code says, for scripts and schedulers; docs/cli.md has the same table. A code is never given a
// second meaning once it was released.

export const exitCodes = {
  /** Done, and all is well. */
  ok: 0,
  /** Refused or failed: the line on stderr says why. */
  failed: 1,
  /** The command did its work and found something that needs an operator. */
  findings: 2,
  /** Stopped by a signal before the end; what was done stays done. */
  stopped: 3,
  /** Done; nothing is broken, but something should be seen to. */
  warnings: 4,
  /** The command line itself is wrong, and nothing was done; EX_USAGE of sysexits.h, apart from what a command finds. */
  misuse: 64,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
