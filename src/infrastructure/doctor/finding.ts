// What the doctor found out about one thing. Whatever is not well comes with what to do about it. Never holds a key, a token
// or a secret: texts are made of names, numbers and the kinds of failures.
import { OperatorError } from '../../adapters/system/operator-error.js';

/** `skipped`: it could not be looked at, and need not be. `warning`: it works, and should be seen to. */
export type Severity = 'ok' | 'skipped' | 'warning' | 'broken';

interface Looked {
  /** As `region us-east-1`; findings of one subject are shown together. */
  readonly subject: string;
  /** What of it was looked at, as `Decrypt`. */
  readonly check: string;
  readonly found: string;
}

export type Finding =
  | (Looked & { readonly severity: 'ok' | 'skipped' })
  | (Looked & { readonly severity: 'warning' | 'broken'; readonly cure: string });

/** Makes the findings about one subject. */
export class Subject {
  constructor(readonly name: string) {}

  ok(check: string, found: string): Finding {
    return { subject: this.name, check, severity: 'ok', found };
  }

  skipped(check: string, found: string): Finding {
    return { subject: this.name, check, severity: 'skipped', found };
  }

  warning(check: string, found: string, cure: string): Finding {
    return { subject: this.name, check, severity: 'warning', found, cure };
  }

  broken(check: string, found: string, cure: string): Finding {
    return { subject: this.name, check, severity: 'broken', found, cure };
  }

  /** What the start would be refused for is broken, in the start's own words; otherwise what `act` answers. */
  started<T>(check: string, act: () => T): Started<T> {
    try {
      return { value: act() };
    } catch (cause) {
      if (!(cause instanceof OperatorError)) throw cause;
      return { refused: this.broken(check, cause.message, cause.hint) };
    }
  }
}

export type Started<T> =
  | { readonly value: T; readonly refused?: undefined }
  | { readonly value?: undefined; readonly refused: Finding };

const ranks: Readonly<Record<Severity, number>> = { ok: 0, skipped: 0, warning: 1, broken: 2 };

/** `ok` where there is nothing to see to. */
export function worstOf(findings: readonly Finding[]): 'ok' | 'warning' | 'broken' {
  const worst = Math.max(0, ...findings.map(({ severity }) => ranks[severity]));
  return worst === 2 ? 'broken' : worst === 1 ? 'warning' : 'ok';
}
