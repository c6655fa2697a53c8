// What happened, as events for logs and metrics. Events carry names, counts and durations, never key material.
// Recording an event must never fail or slow down the work that it reports.
import type { AuthenticationMethod } from '../domain/access/caller.js';
import type { FailedAttempt } from '../domain/failures/region-failures.js';
import type { RegionsBelowQuorum, RepairFailure } from '../domain/failures/key-failures.js';
import type { RegionFault, StoreFailure } from '../domain/failures/store-failures.js';
import type { CallerId, KeyId, KeyVersion, Region } from '../domain/ids.js';
import type { RegionState } from '../domain/regions/region-state.js';
import { token } from './token.js';

export type VaultOperation = 'generate' | 'encrypt' | 'decrypt' | 'read-back' | 'probe';

/** One finished call to one region: what it says about the region's health. */
export interface RegionCall {
  readonly region: Region;
  /** Absent for a region of the store. */
  readonly operation?: VaultOperation;
  /** In milliseconds; NaN when it says nothing about the region's usual latency, and is not to be measured. */
  readonly durationMs: number;
  /** The key that the call was about; absent for probes. */
  readonly keyId?: KeyId;
  /** Absent when the call succeeded. */
  readonly failure?: RegionFault;
}

/** One finished call to one region's vault. */
export interface VaultCall extends RegionCall {
  readonly event: 'vault.call';
  readonly operation: VaultOperation;
  /** It was made because another region was slow to answer. */
  readonly hedge?: true;
}

export type StoreOperation = 'find' | 'insert' | 'update' | 'page' | 'genesis' | 'initialise' | 'probe';

/** One finished call to the store in one of its regions. */
export interface StoreCall {
  readonly event: 'store.call';
  readonly region: Region;
  readonly operation: StoreOperation;
  readonly durationMs: number;
  /** Absent when the call succeeded. */
  readonly failure?: StoreFailure | RegionFault;
}

/** One finished call to the store as a whole, in however many of its regions. */
export interface StoreAnswered {
  readonly event: 'store.answered';
  readonly operation: StoreOperation;
  readonly durationMs: number;
  /** Absent when the call succeeded. */
  readonly failure?: { readonly kind: string };
}

/** A request waits for the result of another request for the same key. */
export interface SingleFlightJoined {
  readonly event: 'single-flight.joined';
}

/** The store no longer holds the record of a key that it held: nothing there, or the record of another key. */
export interface RecordLost {
  readonly event: 'record.lost';
  readonly id: KeyId;
}

/** Lines of the audit log were flushed together. `failed`: none of them was kept. */
export interface AuditFlushed {
  readonly event: 'audit.flushed';
  readonly lines: number;
  readonly durationMs: number;
  readonly failed: boolean;
}

/** A key was stored. `missing` names the regions that could not be proven to hold it: repair debt. */
export interface KeyCreated {
  readonly event: 'key.created';
  readonly id: KeyId;
  readonly missing: readonly Region[];
}

/** A key was not created, because too few regions could be proven to hold it. */
export interface CreationRefused {
  readonly event: 'key.creation-refused';
  readonly id: KeyId;
  readonly failure: RegionsBelowQuorum;
}

/** The health of a region changed: of its KMS, or of the store there. */
export interface RegionTransition {
  readonly event: 'region.transition' | 'store-region.transition';
  readonly region: Region;
  readonly from: RegionState['kind'];
  readonly to: RegionState['kind'];
  readonly why: string;
}

/**
 * Copies of a key were added or replaced, each proven by reading back; `dropped` are those of regions that are no
 * longer configured.
 */
export interface KeyRepaired {
  readonly event: 'key.repaired';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly added: readonly Region[];
  readonly replaced: readonly Region[];
  readonly dropped: readonly Region[];
}

/**
 * A key is still incomplete: the regions of `failed` have no good copy, or with `failure` the repair as a whole
 * failed.
 */
export interface KeyRepairFailed {
  readonly event: 'key.repair-failed';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly failed: readonly FailedAttempt[];
  readonly failure?: RepairFailure;
}

/**
 * Keys that lack copies were not queued for repair, because the queue was full; the next read of each finds it again.
 */
export interface RepairsDropped {
  readonly event: 'repairs.dropped';
  readonly count: number;
}

/**
 * An HTTP request was answered, successfully or not. Everything but the two ids and `caller` has few distinct values.
 */
export interface RequestAnswered {
  readonly event: 'request.answered';
  /** As in the answer; the caller may have chosen it. */
  readonly requestId: string;
  /** Present when traces are collected. */
  readonly traceId?: string;
  /** The path as `/openapi.json` has it, as `/regions/{region}/drain`; `unknown` when there is no such path. */
  readonly route: string;
  /** `unknown` when the request could not be read. */
  readonly method: string;
  readonly status: number;
  /** In milliseconds, from the first byte of the request until the answer was ready to be written. */
  readonly durationMs: number;
  /** The caller did not wait for the answer. */
  readonly callerLeft: boolean;
  /** The authenticated caller and the method; absent when the request was not authenticated. */
  readonly caller?: CallerId;
  readonly authentication?: AuthenticationMethod;
  /** Absent unless the answer carries a key. */
  readonly served?: KeyServed;
  /** Why the request failed; the kind is the problem's type. */
  readonly failure?: { readonly kind: string };
  /** What was thrown, which means a bug; absent otherwise. */
  readonly bug?: unknown;
}

/**
 * Why the preferred region, the first in the configuration, could not have given the answer that another region gave.
 * `failed`: it was called and failed. `ejected`: it was not called, because it is known not to answer now. `no-copy`:
 * it holds no copy of the key. A drained region does not count, nor one that was only slower than a hedge.
 */
export type FailoverReason = 'failed' | 'ejected' | 'no-copy';

/** What it took to get an answer that any of several regions can give. */
export interface Effort {
  /** How many calls to regions were made. */
  readonly attempts: number;
  /** Whether one of them was a hedge, made because another region was slow to answer. */
  readonly hedged: boolean;
  /** Present when the preferred region alone could not have given the answer. */
  readonly failover?: FailoverReason;
}

/** Where a returned key came from. The effort is that of opening or generating it, not of making a new key's copies. */
export interface KeyServed extends Effort {
  /** The region that opened or generated it. */
  readonly region: Region;
  readonly created: boolean;
  /** How many of the configured regions hold it, and how many regions are configured. */
  readonly copies: number;
  readonly regions: number;
  /** When the record came from the cache: the time since the store was seen to hold it, in milliseconds. */
  readonly recordAgeMs?: number;
  /** When the key itself was kept in memory: the time since `region` opened or generated it, in milliseconds. */
  readonly keyAgeMs?: number;
}

/**
 * A listener closed a connection that went beyond a limit. `connections`: too many are open. `address`: too many from one
 * address. `pipelined`: too many unanswered requests. `unread`: its answers were not read.
 */
export interface ConnectionRefused {
  readonly event: 'connection.refused';
  readonly listener: 'server' | 'operations';
  readonly reason: 'connections' | 'address' | 'pipelined' | 'unread';
}

export type TelemetryEvent =
  | VaultCall
  | StoreCall
  | StoreAnswered
  | SingleFlightJoined
  | RecordLost
  | AuditFlushed
  | RegionTransition
  | KeyCreated
  | CreationRefused
  | KeyRepaired
  | KeyRepairFailed
  | RepairsDropped
  | RequestAnswered
  | ConnectionRefused;

export interface Telemetry {
  record(event: TelemetryEvent): void;
}

export const Telemetry = token<Telemetry>('Telemetry');
