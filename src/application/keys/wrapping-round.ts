// Decides how long a creation waits for its regions: for each as long as an attempt may take, and longer while the quorum
// is not proven. Never gives a region up while the new key still needs it.
import { err, type Result } from 'neverthrow';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Region } from '../../domain/ids.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../ports/key-vault.js';

/** The proven ciphertext of one region, or why it has none. */
export type Wrapped = Result<RegionalCiphertext, VaultFailure>;
export type WrapIn = (vault: KeyVault, signal: AbortSignal, onOverdue: () => void) => PromiseLike<Wrapped>;

const timedOut: VaultFailure = { kind: 'region.unavailable', reason: 'timed-out' };

/** Wraps in `first`; in `reserve` only when the quorum needs it. Resolves with the outcome of every region it called. */
export function wrapUntilQuorum(
  first: readonly KeyVault[],
  reserve: readonly KeyVault[],
  rules: {
    readonly quorum: number;
    readonly wrapIn: WrapIn;
    readonly signal: AbortSignal;
    /** Schedules the end of the waiting; the function that it returns cancels it. */
    readonly limit?: (fire: () => void) => (() => void) | undefined;
  },
): Promise<ReadonlyMap<Region, Wrapped>> {
  return new Promise((resolve, reject) => {
    new WrappingRound(reserve, rules, resolve, reject).start(first);
  });
}

class WrappingRound {
  private readonly outcomes = new Map<Region, Wrapped>();
  private readonly running = new Map<Region, AbortController>();
  private readonly overdue = new Set<Region>();
  private readonly cancelLimit: (() => void) | undefined;

  constructor(
    private reserve: readonly KeyVault[],
    private readonly rules: Parameters<typeof wrapUntilQuorum>[2],
    private readonly resolve: (outcomes: ReadonlyMap<Region, Wrapped>) => void,
    private readonly reject: (bug: unknown) => void,
  ) {
    rules.signal.addEventListener('abort', this.abort);
    this.cancelLimit = rules.limit?.(() => {
      this.finish();
      this.resolve(this.outcomes);
    });
  }

  start(vaults: readonly KeyVault[]): void {
    for (const vault of vaults) this.wrap(vault);
    this.goOn();
  }

  private wrap(vault: KeyVault): void {
    const { region } = vault;
    const controller = new AbortController();
    if (this.rules.signal.aborted) controller.abort();
    this.running.set(region, controller);
    const onOverdue = (): void => {
      this.overdue.add(region);
      this.goOn();
    };
    const run = async (): Promise<Wrapped> => this.rules.wrapIn(vault, controller.signal, onOverdue);
    run().then(
      (wrapped) => {
        if (!this.running.delete(region)) return;
        this.outcomes.set(region, wrapped);
        this.goOn();
      },
      (bug: unknown) => {
        this.finish();
        this.reject(bug);
      },
    );
  }

  private goOn(): void {
    const { quorum } = this.rules;
    if ([...this.running.keys()].some((region) => !this.overdue.has(region))) return;
    const proven = [...this.outcomes.values()].filter((wrapped) => wrapped.isOk()).length;
    const { reserve } = this;
    if (proven < quorum && reserve.length > 0) {
      this.reserve = [];
      this.start(reserve);
    } else if (proven >= quorum || this.running.size === 0) {
      this.finish();
      this.resolve(this.outcomes);
    }
  }

  private readonly abort = (): void => {
    for (const controller of this.running.values()) controller.abort();
  };

  /** Regions that are still running took longer than an attempt may. */
  private finish(): void {
    this.cancelLimit?.();
    this.rules.signal.removeEventListener('abort', this.abort);
    const controllers = [...this.running];
    this.running.clear();
    for (const [region, controller] of controllers) {
      this.outcomes.set(region, err(timedOut));
      controller.abort();
    }
  }
}
