// What happened, for whoever watches: logs now, metrics and traces by other bindings. Events carry names, counts and
// durations, never key material; observing must not fail or slow what is observed.
import type { FailedAttempt, RegionsBelowQuorum, RepairFailure, VaultFailure } from '../domain/failures.js';
import type { StoreFailure } from '../domain/store-faults.js';
import type { KeyId, KeyVersion, Region } from '../domain/ids.js';
import type { RegionState } from '../domain/region-state.js';
import { token } from './token.js';

export type VaultOperation = 'generate' | 'encrypt' | 'decrypt' | 'read-back' | 'probe';

/** One finished call to one region, as far as it says how that region is. */
export interface RegionCall {
  readonly region: Region;
  /** What the region was asked for; absent for a region of the store. */
  readonly operation?: VaultOperation;
  /** NaN where it says nothing about how long the region usually takes: then it is not counted. */
  readonly durationMs: number;
  /** The key that the call was about; absent for probes. */
  readonly keyId?: KeyId;
  /** Absent when the call was answered well. */
  readonly failure?: VaultFailure;
}

/** One finished call to one region's vault. */
export interface VaultCall extends RegionCall {
  readonly event: 'vault.call';
  readonly operation: VaultOperation;
}

export type StoreOperation = 'find' | 'insert' | 'update' | 'page' | 'genesis' | 'initialise' | 'probe';

/** One finished call to the store in one of its regions. */
export interface StoreCall {
  readonly event: 'store.call';
  readonly region: Region;
  readonly operation: StoreOperation;
  readonly durationMs: number;
  /** Absent when the call was answered well. */
  readonly failure?: StoreFailure | VaultFailure;
}

/** A key was stored. `missing` names the regions that could not be proven to hold it: repair debt. */
export interface KeyCreated {
  readonly event: 'key.created';
  readonly id: KeyId;
  readonly missing: readonly Region[];
}

/** A key was not made, because too few regions could be proven to hold it. */
export interface CreationRefused {
  readonly event: 'key.creation-refused';
  readonly id: KeyId;
  readonly failure: RegionsBelowQuorum;
}

/** The health of a region changed: of its vault, or of the store there. */
export interface RegionTransition {
  readonly event: 'region.transition' | 'store-region.transition';
  readonly region: Region;
  readonly from: RegionState['kind'];
  readonly to: RegionState['kind'];
  readonly why: string;
}

/** Copies of a key were added or replaced, each proven by reading back; `dropped` are those of regions that left. */
export interface KeyRepaired {
  readonly event: 'key.repaired';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly added: readonly Region[];
  readonly replaced: readonly Region[];
  readonly dropped: readonly Region[];
}

/** A key still lacks copies: in the regions of `left`, or, with `failure`, because the repair as a whole failed. */
export interface KeyRepairFailed {
  readonly event: 'key.repair-failed';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly left: readonly FailedAttempt[];
  readonly failure?: RepairFailure;
}

/** Keys that lack copies were not queued for repair, because the queue was full; the next read of each finds it again. */
export interface RepairsDropped {
  readonly event: 'repairs.dropped';
  readonly count: number;
}

export type TelemetryEvent =
  | VaultCall
  | StoreCall
  | RegionTransition
  | KeyCreated
  | CreationRefused
  | KeyRepaired
  | KeyRepairFailed
  | RepairsDropped;

export interface Telemetry {
  record(event: TelemetryEvent): void;
}

export const Telemetry = token<Telemetry>('Telemetry');
