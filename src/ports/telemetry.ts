// What happened, for whoever watches: logs now, metrics and traces by other bindings. Events carry names, counts and
// durations, never key material; observing must not fail or slow what is observed.
import type { AuthenticationMethod } from '../domain/access/caller.js';
import type { FailedAttempt } from '../domain/failures/region-failures.js';
import type { RegionsBelowQuorum, RepairFailure } from '../domain/failures/key-failures.js';
import type { RegionFault, StoreFailure } from '../domain/failures/store-failures.js';
import type { CallerId, KeyId, KeyVersion, Region } from '../domain/ids.js';
import type { RegionState } from '../domain/regions/region-state.js';
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
  readonly failure?: RegionFault;
}

/** One finished call to one region's vault. */
export interface VaultCall extends RegionCall {
  readonly event: 'vault.call';
  readonly operation: VaultOperation;
  /** It was made because another region was silent for longer than usual. */
  readonly hedge?: true;
}

export type StoreOperation = 'find' | 'insert' | 'update' | 'page' | 'genesis' | 'initialise' | 'probe';

/** One finished call to the store in one of its regions. */
export interface StoreCall {
  readonly event: 'store.call';
  readonly region: Region;
  readonly operation: StoreOperation;
  readonly durationMs: number;
  /** Absent when the call was answered well. */
  readonly failure?: StoreFailure | RegionFault;
}

/** One finished call to the store as a whole, however many of its regions were asked for it. */
export interface StoreAnswered {
  readonly event: 'store.answered';
  readonly operation: StoreOperation;
  readonly durationMs: number;
  /** Absent when the store answered. */
  readonly failure?: { readonly kind: string };
}

/** A request waits for the answer to another one that asks for the same key. */
export interface SingleFlightJoined {
  readonly event: 'single-flight.joined';
}

/** Lines of the audit log were flushed together. `failed`: none of them is kept. */
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

/** A key is still incomplete: the regions of `failed` have no good copy, or with `failure` the repair as a whole failed. */
export interface KeyRepairFailed {
  readonly event: 'key.repair-failed';
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly failed: readonly FailedAttempt[];
  readonly failure?: RepairFailure;
}

/** Keys that lack copies were not queued for repair, because the queue was full; the next read of each finds it again. */
export interface RepairsDropped {
  readonly event: 'repairs.dropped';
  readonly count: number;
}

/** A request over HTTP was answered, whatever the answer was. Everything but its two ids and `caller` has few values. */
export interface RequestAnswered {
  readonly event: 'request.answered';
  /** As the answer names it; the caller may have chosen it. */
  readonly requestId: string;
  /** The trace that it belongs to, where traces are collected. */
  readonly traceId?: string;
  /** The path as `/openapi.json` has it, as `/regions/{region}/drain`; `unknown` where there is nothing at the path. */
  readonly route: string;
  /** `unknown` where the request could not be read. */
  readonly method: string;
  readonly status: number;
  /** From the first byte of the request's head until the answer was ready to be written. */
  readonly durationMs: number;
  /** The caller did not wait for the answer. */
  readonly callerLeft: boolean;
  /** Who asked, and how they proved it; absent unless they could. */
  readonly caller?: CallerId;
  readonly authentication?: AuthenticationMethod;
  /** How the key was had; absent unless the answer carries one. */
  readonly served?: KeyServed;
  /** What stood in the way: its kind is the problem's type. */
  readonly failure?: { readonly kind: string };
  /** What was thrown, if something was: a bug. */
  readonly bug?: unknown;
}

/**
 * Why the preferred region, the first in the configuration, would not have given an answer that another region gave:
 * `failed`: it was asked and failed. `ejected`: it was not asked, because it is known not to answer now. `no-copy`: it
 * holds no copy of the key. What an operator drained is not counted, nor one that was only overtaken.
 */
export type FailoverReason = 'failed' | 'ejected' | 'no-copy';

/** What it took to get an answer that any one of several regions could give. */
export interface Effort {
  /** How many calls to regions were begun. */
  readonly attempts: number;
  /** One of them was made because another region was silent for longer than usual. */
  readonly hedged: boolean;
  /** Present when the preferred region alone would not have given the answer. */
  readonly failover?: FailoverReason;
}

/** How a key was had that was answered; the effort is that of opening or generating it, not that of a new key's copies. */
export interface KeyServed extends Effort {
  /** The region that opened or generated it. */
  readonly region: Region;
  readonly created: boolean;
  /** How many of the configured regions hold it, and how many are configured. */
  readonly copies: number;
  readonly regions: number;
}

export type TelemetryEvent =
  | VaultCall
  | StoreCall
  | StoreAnswered
  | SingleFlightJoined
  | AuditFlushed
  | RegionTransition
  | KeyCreated
  | CreationRefused
  | KeyRepaired
  | KeyRepairFailed
  | RepairsDropped
  | RequestAnswered;

export interface Telemetry {
  record(event: TelemetryEvent): void;
}

export const Telemetry = token<Telemetry>('Telemetry');
