// What a request for a key gets, whichever way the key was found.
import type { DataKey } from '../../domain/keys/data-key.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import type { KeyId, KeyVersion } from '../../domain/ids.js';
import type { KeyServed } from '../../ports/telemetry.js';

/** A key for one caller, which must be wiped after use. */
export interface ServedKey extends KeyServed {
  readonly id: KeyId;
  readonly version: KeyVersion;
  readonly key: DataKey;
  /** Of a created key: the genesis record of the store that holds it. */
  readonly genesis?: Genesis;
}
