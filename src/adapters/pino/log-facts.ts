// The fields with which a log line describes a failure or an error. Decides which parts of an error are safe to log: its
// name and code always, its message only if AWS, the operating system or SQLite wrote it. A parser's message may quote its
// input, so it never appears in the log.

/** A failure as log fields: `kind`, and where present `reason`, `detail` and `cause`. All other properties are left out. */
export function failureFacts(failure: { readonly kind: string }): object {
  const reason = 'reason' in failure ? { reason: failure.reason } : {};
  const detail = 'detail' in failure ? { detail: failure.detail } : {};
  const cause = 'cause' in failure ? { cause: causeFacts(failure.cause) } : {};
  return { kind: failure.kind, ...reason, ...detail, ...cause };
}

/** The safe part of anything that was thrown. Texts are logged as they are, so a `cause` that is a text must be our own. */
export function causeFacts(cause: unknown): string | object {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : typeof cause;
  const code = 'code' in cause ? { code: cause.code } : {};
  // The AWS SDK adds `$fault` to a SyntaxError too, whose message quotes the response.
  const isFromAws = '$fault' in cause && cause.name !== 'SyntaxError';
  const isFromSystem = 'syscall' in cause || 'errcode' in cause;
  const message = isFromAws || isFromSystem ? { message: cause.message } : {};
  return { name: cause.name, ...code, ...message };
}

/** The stack frames of the innermost error, without its message, which may quote data. */
export function stackOf(bug: unknown): readonly string[] {
  if (!(bug instanceof Error)) return [];
  if (bug.cause instanceof Error) return stackOf(bug.cause);
  return (bug.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
}
