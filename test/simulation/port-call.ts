// One call from a process to the simulated world: it takes effect at one moment, its answer arrives at another, and its
// fault decides what happens to both.
import type { Region } from '../../src/domain/ids.js';
import { err, ResultAsync, type Result } from 'neverthrow';
import type { Random } from './random.js';
import type { FaultKind, Faults, PortMethod } from './faults.js';
import type { World } from './world.js';

/** The calling process. An ended process makes no calls and receives no answers. */
export interface Caller {
  readonly name: string;
  /** The regions it is configured with. */
  readonly regions: readonly Region[];
  readonly isAlive: boolean;
  die(): void;
}

export interface PortCall<T, F> {
  readonly method: PortMethod;
  readonly about: string;
  /** Takes effect atomically and returns the true answer. */
  readonly effect: () => Result<T, F>;
  /** The failure when the call had no effect. */
  readonly refusal: (random: Random) => F;
  /** The failure when the call took effect, or still may, but its answer was lost. */
  readonly lost: (random: Random) => F;
  /** A wrong answer; undefined when there is none at the moment. */
  readonly lie?: (truth: Result<T, F>, random: Random) => Result<T, F> | undefined;
}

/** The delay of a slow answer, which may exceed a deadline by a little, in milliseconds. */
const slowestMs = 900;

/** How long after every deadline a late effect may come, in milliseconds. */
const latestMs = 6_000;

export class Ports {
  constructor(
    private readonly world: World,
    private readonly faults: Faults,
    private readonly random: Random,
    /** The share of answers that are slow. */
    private slowness: number,
  ) {}

  /** From now on every call succeeds without a delay. */
  heal(): void {
    this.faults.heal();
    this.slowness = 0;
  }

  call<T, F>(caller: Caller, call: PortCall<T, F>): ResultAsync<T, F> {
    return new ResultAsync(
      new Promise<Result<T, F>>((resolve) => {
        // An ended process makes no calls and receives no answers.
        if (!caller.isAlive) return;
        const slowMs = this.random.chance(this.slowness) ? this.random.below(slowestMs) : 0;
        new Passage(this.world, caller, call, slowMs, resolve).begin(this.faults);
      }),
    );
  }
}

class Passage<T, F> {
  private readonly label: string;

  constructor(
    private readonly world: World,
    private readonly caller: Caller,
    private readonly call: PortCall<T, F>,
    private readonly slowMs: number,
    private readonly resolve: (result: Result<T, F>) => void,
  ) {
    this.label = `${caller.name} ${call.method} ${call.about}`;
  }

  begin(faults: Faults): void {
    const fault = faults.strike(this.call.method);
    if (fault === undefined) {
      this.world.soon(this.label, () => {
        this.answer(this.call.effect());
      });
      return;
    }
    this.strike(fault.kind, fault.random);
  }

  private strike(kind: FaultKind, random: Random): void {
    const { world, label, call } = this;
    const struck = `${label} (${kind})`;
    switch (kind) {
      case 'fails-before':
        world.soon(struck, () => {
          this.answer(err(call.refusal(random)));
        });
        break;
      case 'fails-after':
        world.soon(struck, () => {
          call.effect();
          this.answer(err(call.lost(random)));
        });
        break;
      case 'late': {
        if (random.chance(0.5)) this.answer(err(call.lost(random)));
        world.after(random.below(latestMs), struck, () => {
          this.answer(call.effect());
        });
        break;
      }
      case 'hangs':
        if (random.chance(0.5)) world.soon(struck, () => void call.effect());
        else world.note(struck);
        break;
      case 'lies':
        world.soon(struck, () => {
          const truth = call.effect();
          this.answer(call.lie?.(truth, random) ?? truth);
        });
        break;
      case 'dies':
        this.die(struck, random);
        break;
    }
  }

  private die(struck: string, random: Random): void {
    const { world, call, caller } = this;
    const when = random.below(4);
    if (when === 0) world.soon(struck, () => void call.effect());
    if (when === 1) world.after(random.below(latestMs), struck, () => void call.effect());
    if (when === 2)
      world.soon(struck, () => {
        caller.die();
      });
    else caller.die();
    world.note(`${struck}: ${caller.name} dies`);
  }

  /** The answer arrives at a moment of its own. */
  private answer(result: Result<T, F>): void {
    const label = `${this.label} -> ${result.isOk() ? 'ok' : kindOf(result.error)}`;
    const arrive = (): void => {
      if (this.caller.isAlive) this.resolve(result);
    };
    if (this.slowMs > 0) this.world.after(this.slowMs, label, arrive);
    else this.world.soon(label, arrive);
  }
}

const kindOf = (failure: unknown): string =>
  typeof failure === 'object' && failure !== null && 'kind' in failure ? String(failure.kind) : 'failure';
