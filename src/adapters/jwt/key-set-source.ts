// Where an issuer's keys come from, and where the last good copy of them is kept. What comes from a source is text that
// nobody has checked.
import type { ResultAsync } from 'neverthrow';

/** `reason` is for the log: what happened, without anything that was received. */
export interface KeySetUnavailable {
  readonly kind: 'key-set.unavailable';
  readonly reason: string;
}

export interface KeySetSource {
  /** The set as it is now. Bounded in time and size by the source itself. */
  read(): ResultAsync<string, KeySetUnavailable>;
}

/** A set that was good when it was read, at `readMs`, in milliseconds since 1970. */
export interface LastGood {
  readonly readMs: number;
  readonly text: string;
}

export interface LastGoodStore {
  /** Undefined when there is none, or none that can be used. */
  load(): LastGood | undefined;
  save(copy: LastGood): void;
}
