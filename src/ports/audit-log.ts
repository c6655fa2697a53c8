// The trace that every act leaves. No line, no key: a key leaves only after `append` said that its line is kept.
import type { ResultAsync } from 'neverthrow';
import type { AuditUnavailable } from '../domain/failures.js';
import type { CallerId, KeyId, KeyVersion, Region } from '../domain/ids.js';
import { token } from './token.js';

/** What was asked, by whom, and how it ended. Holds no key material and no credential. */
export interface AuditEntry {
  /** Milliseconds since 1970 in UTC. */
  readonly timeMs: number;
  readonly requestId: string;
  readonly caller: CallerId;
  readonly method: string;
  readonly action: 'key.get';
  readonly id: KeyId;
  /** `opened`, `created`, or the kind of the failure. */
  readonly outcome: string;
  readonly version?: KeyVersion;
  readonly region?: Region;
  /** How many of the configured regions hold the key, as `2/3`. */
  readonly copies?: string;
}

export interface AuditLog {
  /** Ok once the entry would survive a crash of the machine. */
  append(entry: AuditEntry): ResultAsync<void, AuditUnavailable>;
  /** Writes what is pending and lets go of the sink. */
  close(): Promise<void>;
}

export const AuditLog = token<AuditLog>('AuditLog');
