// What happened, for whoever watches: logs now, metrics and traces by other bindings. Events carry names, counts and
// durations, never key material; observing must not fail or slow what is observed.
import type { RegionsBelowQuorum, VaultFailure } from '../domain/failures.js';
import type { KeyId, Region } from '../domain/ids.js';
import type { RegionState } from '../domain/region-state.js';
import { token } from './token.js';

export type VaultOperation = 'generate' | 'encrypt' | 'decrypt' | 'read-back' | 'probe';

/** One finished call to one region's vault. */
export interface VaultCall {
  readonly event: 'vault.call';
  readonly region: Region;
  readonly operation: VaultOperation;
  readonly durationMs: number;
  /** The key that the call was about; absent for probes. */
  readonly keyId?: KeyId;
  /** Absent when the call was answered well. */
  readonly failure?: VaultFailure;
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

/** A region's health changed. */
export interface RegionTransition {
  readonly event: 'region.transition';
  readonly region: Region;
  readonly from: RegionState['kind'];
  readonly to: RegionState['kind'];
  readonly why: string;
}

export type TelemetryEvent = VaultCall | RegionTransition | KeyCreated | CreationRefused;

export interface Telemetry {
  record(event: TelemetryEvent): void;
}

export const Telemetry = token<Telemetry>('Telemetry');
