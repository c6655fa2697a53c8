// What a refused start says, as plain values to compare.
import { OperatorError } from '../../src/adapters/system/operator-error.js';

export interface Refusal {
  readonly message: string;
  readonly hint: string;
}

/** The refusal that `act` ends with; fails when it ends otherwise. */
export function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (error instanceof OperatorError) return { message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error('nothing was refused');
}
