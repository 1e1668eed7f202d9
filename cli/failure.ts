/**
 * An error that a user can act on: shown as its message alone, never with a stack.
 * `exitCode` is 1 when something failed and 2 when what was given is bad.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
