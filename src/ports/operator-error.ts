// How a part says, while the service starts, that it cannot serve. The only exception RKMS throws on purpose: it ends the
// start with one clear line and an exit code, and nothing catches it on the way.

/** `message` says what is wrong and where; `hint` what to do about it. */
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
