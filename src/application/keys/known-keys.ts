// Keys that must be in the store, because the audit log or this process says that they were created. If one of them is missing,
// the store was restored from an older backup or lost records, and an id without a record may have had a key: no key is
// created then (I7). Never affects reading.
import { err, errAsync, ok, okAsync, ResultAsync, type Result } from 'neverthrow';
import type {
  StoreMisconfigured,
  StoreReadFailure,
  StoreUnavailable,
} from '../../domain/failures/store-failures.js';
import type { KeyId, KeyVersion } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import type { KeyRepository } from '../../ports/key-repository.js';
import type { CreationGate } from './create-key.js';

export interface KnownKey {
  readonly id: KeyId;
  readonly version: KeyVersion;
}

/** How many of the newest keys are looked up by a check, and how many of them at the same time. */
const checkedKeys = 100;
const atOnce = 10;
/** For how long the newest key counts as there, once it was found (ms). */
const foundHoldsMs = 1_000;
/** How many keys are remembered; they cost about 1 MB. */
const maxKnown = 10_000;

const notChecked: StoreUnavailable = { kind: 'store.unavailable' };
const lost: StoreMisconfigured = {
  kind: 'store.misconfigured',
  detail:
    'the store lacks keys that the audit log names: it was restored from an older backup, or records were deleted. No key is created until the right store is back, or until rkms recover --accept-lost',
};

/** Looks up one key; `StoreCalls` or a repository itself. */
export type FindKey = KeyRepository['find'];

export class KnownKeys implements CreationGate {
  /** :: id -> key; the newest last */
  private readonly known = new Map<KeyId, KnownKey>();
  private newest: KnownKey | undefined;
  private foundAtMs = -Infinity;
  /** Undefined until the first check succeeded. */
  private missing: readonly KnownKey[] | undefined;

  constructor(
    private readonly find: FindKey,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    /** Called when a creation finds that a key is missing, once until the next check. */
    private readonly onMissing: (missing: readonly KnownKey[]) => void = () => undefined,
  ) {}

  /** How many known keys the store was found to lack. */
  get missingKeys(): number {
    return this.missing?.length ?? 0;
  }

  /**
   * Looks up the newest of `keys`, which come oldest first, and returns those that the store lacks. Until it has returned
   * none, no key is created.
   */
  async check(
    keys: readonly KnownKey[],
    signal: AbortSignal,
  ): Promise<Result<readonly KnownKey[], StoreReadFailure>> {
    const missing = await missingOf(this.find, keys.slice(-checkedKeys), signal);
    if (missing.isErr()) return err(missing.error);
    if (missing.value.length === 0) {
      this.known.clear();
      this.newest = undefined;
      for (const key of keys) this.noteCreated(key);
    }
    this.missing = missing.value;
    return ok(missing.value);
  }

  /** Looks up the key of this id if one is known, and the newest known key at most once a second. */
  mayCreate(id: KeyId, signal: AbortSignal): ResultAsync<void, StoreReadFailure> {
    if (this.missing === undefined) return errAsync(notChecked);
    if (this.missing.length > 0) return errAsync(lost);
    const known = this.known.get(id);
    const nowMs = this.clock.monotonicMs();
    const newest = nowMs - this.foundAtMs < foundHoldsMs ? undefined : this.newest;
    if (known === undefined && newest === undefined) return okAsync();
    const sought = [known, newest === known ? undefined : newest].filter((key) => key !== undefined);
    return new ResultAsync(this.lookUp(sought, signal, newest && nowMs));
  }

  /** `askedAtMs`: when it was decided to look up the newest key; undefined if it is not among them. */
  private async lookUp(
    sought: readonly KnownKey[],
    signal: AbortSignal,
    askedAtMs: number | undefined,
  ): Promise<Result<void, StoreReadFailure>> {
    const missing = await missingOf(this.find, sought, signal);
    if (missing.isErr()) return err(missing.error);
    if (missing.value.length === 0) {
      this.foundAtMs = askedAtMs ?? this.foundAtMs;
      return ok();
    }
    this.missing = missing.value;
    this.onMissing(missing.value);
    return err(lost);
  }

  noteCreated({ id, version }: KnownKey): void {
    this.newest = { id, version };
    this.known.delete(id);
    this.known.set(id, this.newest);
    const [oldest] = this.known.keys();
    if (oldest !== undefined && this.known.size > maxKnown) this.known.delete(oldest);
  }
}

/** Those of `keys` that the store has no record for. A record that cannot be read is there. */
export async function missingOf<Key extends KnownKey>(
  find: FindKey,
  keys: readonly Key[],
  signal: AbortSignal,
): Promise<Result<readonly Key[], StoreReadFailure>> {
  const missing: Key[] = [];
  for (let at = 0; at < keys.length; at += atOnce) {
    const sought = keys
      .slice(at, at + atOnce)
      .map(async (key) => ({ key, found: await isThere(find, key, signal) }));
    for (const { key, found } of await Promise.all(sought)) {
      if (found.isErr()) return err(found.error);
      if (!found.value) missing.push(key);
    }
  }
  return ok(missing);
}

const isThere = (
  find: FindKey,
  { id, version }: KnownKey,
  signal: AbortSignal,
): ResultAsync<boolean, StoreReadFailure> =>
  find(id, version, signal)
    .map((record) => record !== undefined)
    .orElse((failure) => (failure.kind === 'key.unreadable' ? okAsync(true) : errAsync(failure)));
