// What a log line says of what went wrong. Of a cause its name and code, and its text only where it is known to be AWS's or
// the system's own, because a parser's message may quote what it was parsing.

/** What a log line says of a failure. */
export function failureFacts(failure: { readonly kind: string }): object {
  const reason = 'reason' in failure ? { reason: failure.reason } : {};
  const detail = 'detail' in failure ? { detail: failure.detail } : {};
  const cause = 'cause' in failure ? { cause: causeFacts(failure.cause) } : {};
  return { kind: failure.kind, ...reason, ...detail, ...cause };
}

/** Safe facts of anything that was thrown. */
export function causeFacts(cause: unknown): string | object {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : typeof cause;
  const code = 'code' in cause ? { code: cause.code } : {};
  const isAnswerOfAws = '$fault' in cause && cause.name !== 'SyntaxError';
  const isOfSystem = 'syscall' in cause || 'errcode' in cause;
  const message = isAnswerOfAws || isOfSystem ? { message: cause.message } : {};
  return { name: cause.name, ...code, ...message };
}

/** Where it was thrown, without the message, which may quote data. */
export function stackOf(bug: unknown): readonly string[] {
  if (!(bug instanceof Error)) return [];
  if (bug.cause instanceof Error) return stackOf(bug.cause);
  return (bug.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
}
