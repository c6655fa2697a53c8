// The trace that every act leaves. No line, no key: a key leaves only after `append` said that its line is kept.
import type { ResultAsync } from 'neverthrow';
import type { AuditUnavailable } from '../domain/failures/key-failures.js';
import type { CallerId, KeyId, KeyVersion, Region } from '../domain/ids.js';
import { token } from './token.js';

/** What was asked, by whom, and how it ended. Holds no key material and no credential. */
export type AuditEntry = KeyEntry | RegionEntry | RepairEntry | ImportEntry;

interface AuditFacts {
  /** Milliseconds since 1970 in UTC. */
  readonly timeMs: number;
  readonly requestId: string;
  readonly caller: CallerId;
  readonly method: string;
  /** `opened`, `created`, `done`, `repaired`, `imported`, or the kind of the failure. */
  readonly outcome: string;
}

/** Somebody asked for a key. */
export interface KeyEntry extends AuditFacts {
  readonly action: 'key.get';
  readonly id: KeyId;
  readonly version?: KeyVersion;
  readonly region?: Region;
  /** How many of the configured regions hold the key, as `2/3`. */
  readonly copies?: string;
}

/** An operator took a region, or the store in one, out of use, or back. */
export interface RegionEntry extends AuditFacts {
  readonly action: `${'region' | 'store-region'}.${'drain' | 'undrain' | 'lift-quarantine'}`;
  readonly region: Region;
}

/** Copies of a key are added, replaced or dropped. The line comes before the change; if that fails, a second one says so. */
export interface RepairEntry extends AuditFacts {
  readonly action: 'key.repair';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly added: readonly Region[];
  readonly replaced: readonly Region[];
  readonly dropped: readonly Region[];
}

/** A key of another store becomes one of ours. The line comes before the write; if that fails, a second one says so. */
export interface ImportEntry extends AuditFacts {
  readonly action: 'key.import';
  readonly id: KeyId;
  readonly version: KeyVersion;
  /** The other store, by its name. */
  readonly source: string;
}

export interface AuditLog {
  /** Ok once the entry would survive a crash of the machine. Entries are kept in the order of the calls. */
  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable>;
  /**
   * False while entries are not kept, so that the service can say that it is not ready. Becomes true again by itself, also
   * when nothing is appended.
   */
  isWorking(): boolean;
  /** Writes what is pending and lets go of the sink; later entries are refused. May be called twice. */
  close(): Promise<void>;
}

export const AuditLog = token<AuditLog>('AuditLog');

/** For whom records are changed, as the audit log tells it. */
export interface ChangeAuthor {
  readonly caller: CallerId;
  readonly method: string;
  readonly requestId: string;
}
