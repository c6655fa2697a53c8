// An audit log in memory that can be told to fail, or to wait until the test has looked around.
import { errAsync, ResultAsync } from 'neverthrow';
import type { AuditUnavailable } from '../../src/domain/failures/key-failures.js';
import type { AuditEntry, AuditLog } from '../../src/ports/audit-log.js';

export class RecordingAuditLog implements AuditLog {
  readonly entries: AuditEntry[] = [];
  /** `fail` keeps nothing and says so; `hold` keeps the entry but answers only after `release`; `throw` is a bug. */
  mode: 'keep' | 'fail' | 'hold' | 'throw' = 'keep';
  readonly #held: (() => void)[] = [];
  #closed = false;

  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable> {
    if (this.mode === 'fail' || this.#closed) return errAsync({ kind: 'audit.unavailable' });
    if (this.mode === 'throw') return new ResultAsync(Promise.reject(new Error('append has a bug')));
    this.entries.push(entry);
    return ResultAsync.fromSafePromise(
      new Promise<void>((resolve) => {
        if (this.mode === 'hold') this.#held.push(resolve);
        else resolve();
      }),
    );
  }

  release(): void {
    for (const goOn of this.#held.splice(0)) goOn();
  }

  isWorking(): boolean {
    return this.mode !== 'fail' && this.mode !== 'throw';
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}
