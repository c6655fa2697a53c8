// What must be known of the store before keys are created: that its table suits its mode, and that it has the keys that the
// audit log names. Reading never waits for this. Checks again by itself until both hold, and when a creation finds a key missing.
import { errAsync, type ResultAsync } from 'neverthrow';
import type { Logger } from 'pino';
import type { CreationGate } from '../../application/keys/create-key.js';
import { KnownKeys, type KnownKey } from '../../application/keys/known-keys.js';
import { findRecord, readGenesis, type StoreCalls } from '../../application/store/store-calls.js';
import type { StoreReadFailure } from '../../domain/failures/store-failures.js';
import type { KeyId } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { Config } from '../config/config.js';
import { recordedKeys, restoreOrRecover, whatIsMissing } from './known-keys-check.js';
import { StartCheck, TemporaryFailure } from './start-check.js';

/** How long looking up the newest keys may take (ms). */
const limitMs = 5_000;
const noCreation = 'no key is created';

export interface CreationChecksParts {
  readonly clock: Clock;
  readonly store: StoreCalls;
  /** Why keys must not be created now. Throws an OperatorError for a table that must not even be read. */
  readonly checkTables: () => Promise<TemporaryFailure | undefined>;
}

export class CreationChecks implements CreationGate {
  private readonly tables: StartCheck;
  private readonly records: StartCheck;
  private readonly known: KnownKeys;
  private begun = false;
  private unproven: TemporaryFailure | undefined;
  /** When the store's genesis record was created: another one means another store. */
  private storeMs: number | undefined;
  private stopping: AbortSignal | undefined;

  constructor(
    private readonly parts: CreationChecksParts,
    private readonly config: Config,
    private readonly logger: Logger,
  ) {
    const { clock, store } = parts;
    this.known = new KnownKeys(
      (id, version, signal) => store.read(findRecord(id, version), signal),
      clock,
      (missing) => {
        this.onMissing(missing);
      },
    );
    this.tables = new StartCheck('consistency', () => this.checkProof(), clock, logger, noCreation);
    this.records = new StartCheck('known keys', () => this.checkRecords(), clock, logger, noCreation);
  }

  get isPassed(): boolean {
    return this.tables.isPassed && this.records.isPassed;
  }

  /** Whether each check has run once, with any result. Until then, the service is not ready. */
  get hasBegun(): boolean {
    return this.begun;
  }

  get missingKeys(): number {
    return this.known.missingKeys;
  }

  /** Throws an OperatorError for a table that must not even be read. */
  async checkTables(): Promise<void> {
    this.unproven = await this.parts.checkTables();
  }

  /** To be called once the store may be read. */
  async begin(): Promise<void> {
    await this.tables.begin();
    await this.records.begin();
    this.begun = true;
  }

  /** Repeats the checks when `storeIsKnown` resolves. */
  async repeat(signal: AbortSignal, storeIsKnown: Promise<void>): Promise<void> {
    this.stopping = signal;
    await storeIsKnown;
    if (signal.aborted) return;
    if (!this.begun) await this.begin();
    await Promise.all([this.tables.repeat(signal), this.records.repeat(signal)]);
  }

  mayCreate(id: KeyId, signal: AbortSignal): ResultAsync<void, StoreReadFailure> {
    return this.tables.isPassed
      ? this.known.mayCreate(id, signal)
      : errAsync({ kind: 'store.unavailable', cause: 'unproven' });
  }

  noteCreated(key: KnownKey): void {
    this.known.noteCreated(key);
  }

  private async checkProof(): Promise<void> {
    if (this.unproven) await this.checkTables();
    if (this.unproven) throw this.unproven;
  }

  private async checkRecords(): Promise<void> {
    const signal = AbortSignal.timeout(limitMs);
    const genesis = await this.parts.store.read(readGenesis, signal);
    if (genesis.isErr() || genesis.value === undefined) throw notRead;
    this.storeMs ??= genesis.value.createdAtMs;
    if (genesis.value.createdAtMs !== this.storeMs) throw otherStore;
    const missing = await this.known.check(await recordedKeys(this.config, genesis.value), signal);
    if (missing.isErr()) throw notRead;
    if (missing.value.length > 0) throw new TemporaryFailure(whatIsMissing(missing.value), restoreOrRecover);
  }

  private onMissing(missing: readonly KnownKey[]): void {
    this.logger.error({ problem: whatIsMissing(missing), hint: restoreOrRecover }, noCreation);
    this.records.reopen();
    if (this.stopping) void this.records.repeat(this.stopping);
  }
}

const notRead = new TemporaryFailure(
  'the store could not be compared with the audit log, because it did not answer',
  'check the store',
);
const otherStore = new TemporaryFailure(
  'the store was replaced by another one while RKMS runs',
  'put the right store back, or restart RKMS',
);
