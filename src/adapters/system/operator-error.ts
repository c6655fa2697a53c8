// The one exception that RKMS throws on purpose: a message and a hint for the operator. It ends a start or a command with
// one clear line and exit code 1. Never thrown while a request is served: requests fail with Result values.

/** `message` says what is wrong and where; `hint` says what to do about it, and may be empty. Neither may hold a secret. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';

  constructor(
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
