// Decides what the outcome of a call says about its region's health. Never decides what follows: see region-health.ts.
import type { HealthEvent } from '../../domain/regions/region-state.js';
import type { Speed } from '../../domain/regions/region-timing.js';
import type { RegionCall } from '../../ports/telemetry.js';

/** Undefined when the call says nothing. `atMs` is when it ended; `random` returns a number from 0 up to 1. */
export function healthEventOf(
  call: RegionCall,
  atMs: number,
  speed: Speed,
  random: () => number,
): HealthEvent | undefined {
  const { failure, keyId, durationMs } = call;
  if (failure === undefined) {
    return isLikeProbe(call)
      ? { kind: 'answered', atMs, speed, likeProbeSinceMs: atMs - durationMs }
      : { kind: 'answered', atMs, speed };
  }
  if (isAboutOneOperation(call)) return undefined;
  return { kind: 'failed', atMs, failure, chance: random(), ...(keyId !== undefined && { id: keyId }) };
}

/** Probes decrypt a ciphertext, or read the store. */
const isLikeProbe = ({ operation }: RegionCall): boolean =>
  operation === undefined || operation === 'decrypt';

/** A missing permission to encrypt says nothing about decrypting, which may still be allowed. */
const isAboutOneOperation = ({ operation, failure }: RegionCall): boolean =>
  (operation === 'encrypt' || operation === 'generate') &&
  failure?.kind === 'vault.misconfigured' &&
  failure.reason === 'access-denied';
