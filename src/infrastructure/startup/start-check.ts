// A check that must pass before keys are served: that the store is this deployment's, that a region can open keys. What waiting
// cannot repair ends the start. What may pass by itself does not: the service listens, is not ready, and repeats the check. A
// process that exits instead would be restarted later and later, and so outlast the outage.
import type { Logger } from 'pino';
import { pause } from '../../domain/pause.js';
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Clock } from '../../ports/clock.js';

/** What an outage prevents, and what may work later without any change: a start goes on and tries again. */
export class TemporaryFailure extends OperatorError {}

/** Between two checks: doubling from the first to the last, minus up to half of it at random (ms). */
const firstPauseMs = 500;
const maxPauseMs = 5_000;

export class StartCheck {
  private passed = false;

  /** `run` throws a TemporaryFailure where waiting may help, and another OperatorError where it cannot. */
  constructor(
    private readonly name: string,
    private readonly run: () => Promise<void>,
    private readonly clock: Clock,
    private readonly logger: Logger,
    /** What holds until the check passes. */
    private readonly until = 'the service is not ready',
  ) {}

  get isPassed(): boolean {
    return this.passed;
  }

  /** What the check looked at has changed for the worse: `repeat` checks it again. */
  reopen(): void {
    this.passed = false;
  }

  /** Checks once. Throws only what waiting cannot repair. */
  async begin(): Promise<void> {
    try {
      await this.run();
      this.passed = true;
    } catch (cause) {
      if (!(cause instanceof TemporaryFailure)) throw cause;
      const { message: problem, hint } = cause;
      this.logger.error(
        { check: this.name, problem, hint },
        `${this.until}: the service starts, and repeats this check until it passes`,
      );
    }
  }

  /** Repeats the check until it passes or the signal fires. Rejects with what waiting cannot repair. */
  async repeat(signal: AbortSignal): Promise<void> {
    for (let pauseMs = firstPauseMs; !this.passed; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
      await pause(this.clock, pauseMs * (0.5 + this.clock.random() / 2), signal);
      if (signal.aborted) return;
      await this.tryAgain();
    }
  }

  private async tryAgain(): Promise<void> {
    try {
      await this.run();
      this.passed = true;
      this.logger.info({ check: this.name }, `the check has passed that found: ${this.until}`);
    } catch (cause) {
      if (!(cause instanceof TemporaryFailure)) throw cause;
      this.logger.warn(
        { check: this.name, problem: cause.message },
        `${this.until}: the check has not passed yet`,
      );
    }
  }
}
