// What one check found. `rkms serve` refuses to start on a broken finding, `rkms doctor` prints all of them. A finding never
// holds a key, a token or a secret: its texts are made of names, numbers and kinds of failures.
import { OperatorError } from '../../adapters/system/operator-error.js';

/** `skipped`: not checked, or not created yet (not an error). `warning`: it works, but an operator should act. */
export type Severity = 'ok' | 'skipped' | 'warning' | 'broken';

interface Checked {
  /** For example `region us-east-1`; findings of one subject are printed together. */
  readonly subject: string;
  /** What was checked, for example `Decrypt`. */
  readonly check: string;
  readonly found: string;
}

/** `hint` says what to do. */
interface Problem extends Checked {
  readonly severity: 'warning' | 'broken';
  readonly hint: string;
}

export type Finding = (Checked & { readonly severity: 'ok' | 'skipped' }) | Problem;

/** Makes the findings about one subject. */
export class Subject {
  constructor(readonly name: string) {}

  ok(check: string, found: string): Finding {
    return { subject: this.name, check, severity: 'ok', found };
  }

  skipped(check: string, found: string): Finding {
    return { subject: this.name, check, severity: 'skipped', found };
  }

  warning(check: string, found: string, hint: string): Problem {
    return { subject: this.name, check, severity: 'warning', found, hint };
  }

  broken(check: string, found: string, hint: string): Problem {
    return { subject: this.name, check, severity: 'broken', found, hint };
  }

  /** Runs a step of the start. An OperatorError becomes a broken finding with the same text; any other error is a bug. */
  attempt<T>(check: string, step: () => T): Attempted<T> {
    try {
      return { value: step() };
    } catch (cause) {
      return { refused: this.refusal(check, cause) };
    }
  }

  /** As `attempt`, for a step that calls something. */
  async attemptAsync<T>(check: string, step: () => Promise<T>): Promise<Attempted<T>> {
    try {
      return { value: await step() };
    } catch (cause) {
      return { refused: this.refusal(check, cause) };
    }
  }

  private refusal(check: string, cause: unknown): Finding {
    if (!(cause instanceof OperatorError)) throw cause;
    return this.broken(check, cause.message, cause.hint);
  }
}

export type Attempted<T> =
  | { readonly value: T; readonly refused?: undefined }
  | { readonly value?: undefined; readonly refused: Finding };

const ranks: Readonly<Record<Severity, number>> = { ok: 0, skipped: 0, warning: 1, broken: 2 };

/** `ok` when there is neither a warning nor anything broken. */
export function worstOf(findings: readonly Finding[]): 'ok' | 'warning' | 'broken' {
  const worst = Math.max(0, ...findings.map(({ severity }) => ranks[severity]));
  return worst === 2 ? 'broken' : worst === 1 ? 'warning' : 'ok';
}
