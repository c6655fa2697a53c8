// The audit log: one entry for each request for a key and each change by an operator or a repair. A key must not be released
// before `append` has succeeded for its entry (I10).
import type { ResultAsync } from 'neverthrow';
import type { AuditUnavailable } from '../domain/failures/key-failures.js';
import type { CallerId, KeyId, KeyVersion, Region } from '../domain/ids.js';
import { token } from './token.js';

/** Who asked for what, and the outcome. An entry never holds key material or a credential. */
export type AuditEntry = KeyEntry | RegionEntry | RepairEntry | ImportEntry | LossEntry;

interface AuditFacts {
  /** Milliseconds since 1970 in UTC. */
  readonly timeMs: number;
  readonly requestId: string;
  readonly caller: CallerId;
  readonly method: string;
  /** `opened`, `created`, `done`, `repaired`, `imported`, or the kind of the failure. */
  readonly outcome: string;
}

/** A request for a key. */
export interface KeyEntry extends AuditFacts {
  readonly action: 'key.get';
  readonly id: KeyId;
  readonly version?: KeyVersion;
  readonly region?: Region;
  /** The key was in the key cache: `region` had opened or generated it before. */
  readonly cached?: true;
  /** How many of the configured regions hold the key, as `2/3`. */
  readonly copies?: string;
  /** Of a created key, the store that holds it: when its genesis record was created, in milliseconds since 1970. */
  readonly store?: number;
}

/** An operator drained or undrained a region of KMS or of the store, or lifted its quarantine. */
export interface RegionEntry extends AuditFacts {
  readonly action: `${'region' | 'store-region'}.${'drain' | 'undrain' | 'lift-quarantine'}`;
  readonly region: Region;
}

/** Copies of a key are added, replaced or dropped. Appended before the change; if that fails, a second entry reports it. */
export interface RepairEntry extends AuditFacts {
  readonly action: 'key.repair';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly added: readonly Region[];
  readonly replaced: readonly Region[];
  readonly dropped: readonly Region[];
}

/** A key is imported from another store. Appended before the write; if that fails, a second entry reports it. */
export interface ImportEntry extends AuditFacts {
  readonly action: 'key.import';
  readonly id: KeyId;
  readonly version: KeyVersion;
  /** The name of the other store. */
  readonly source: string;
  /** Our store, as in `KeyEntry`. */
  readonly store: number;
}

/** An operator accepts that the store lost keys that earlier entries name; `latest` are the newest ones that it has. */
export interface LossEntry extends AuditFacts {
  readonly action: 'store.accept-lost';
  readonly lost: number;
  /** For each part of the log (file name), the number of its last entry that named a lost key. */
  readonly accepted: Readonly<Record<string, number>>;
  readonly latest: readonly {
    readonly id: string;
    readonly version: number;
    readonly time: string;
    readonly store: number;
  }[];
}

export interface AuditLog {
  /** Succeeds once the entry survives a crash of the machine. Entries are stored in the order of the calls. */
  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable>;
  /** False while entries cannot be stored: the service is not ready. Recovers by itself, even when nothing is appended. */
  isWorking(): boolean;
  /** Writes pending entries and closes the log; later entries fail with `audit.unavailable`. May be called twice. */
  close(): Promise<void>;
}

export const AuditLog = token<AuditLog>('AuditLog');

/** The author of changes to records, as the audit log names it. */
export interface ChangeAuthor {
  readonly caller: CallerId;
  readonly method: string;
  readonly requestId: string;
}
