// Opens every copy of a key, each in its own region, and says what state it is in. Every plaintext is checked against the
// commitment and wiped; none leaves this file.
import { copyStateOf, statusOf, type CopyState, type CopyCheck } from '../../domain/keys/copy-check.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { Deployment, Region } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { openingCopy } from '../keys/open-copy.js';
import type { RegionCalls } from '../regions/region-calls.js';
import type { Finding } from './tally.js';

export class VerifyKey {
  constructor(
    private readonly vaults: readonly KeyVault[],
    private readonly calls: Pick<RegionCalls, 'call'>,
    private readonly deployment: Deployment,
    /** Regions that are not called: background repair does without those known to be down. */
    private readonly isSkipped: (region: Region) => boolean = () => false,
  ) {}

  /** Never fails: an unreachable region is a state of its copy. Copies of regions no longer configured are ignored. */
  async check(record: KeyRecord, signal: AbortSignal): Promise<CopyCheck> {
    return Promise.all(
      this.vaults.map(async (vault) => ({
        region: vault.region,
        state: await this.checkCopy(vault, record, signal),
      })),
    );
  }

  private async checkCopy(vault: KeyVault, record: KeyRecord, signal: AbortSignal): Promise<CopyState> {
    if (!record.ciphertexts.has(vault.region)) return { kind: 'missing' };
    if (this.isSkipped(vault.region)) return copyStateOf({ kind: 'region.unavailable', reason: 'ejected' });
    const opened = await this.calls.call(vault, openingCopy(record, this.deployment), signal);
    if (opened.isErr()) return copyStateOf(opened.error);
    opened.value.wipe();
    return { kind: 'good' };
  }
}

/** What the report of `rkms verify` says of a key; without `check`, its record could not be read. */
export function verifyFinding(name: string, check: CopyCheck | undefined): Finding {
  if (check === undefined) return { name, problem: { kind: 'unreadable' } };
  const kind = statusOf(check);
  const copies = check.map(({ region, state }) => [region, state.kind] as const);
  if (kind === 'complete') return { name, copies };
  const notChecked = check.flatMap(({ region, state }) =>
    state.kind === 'not-checked' ? [`${region} ${whyNotChecked[state.failure.kind]}`] : [],
  );
  const detail = notChecked.length > 0 && { detail: `not checked: ${notChecked.join(', ')}` };
  return { name, copies, problem: { kind, ...detail } };
}

const whyNotChecked: Readonly<Record<VaultFailure['kind'], string>> = {
  'region.unavailable': 'unreachable',
  'region.untrusted': 'not trusted (TLS)',
  'region.throttled': 'throttled',
  'vault.misconfigured': 'misconfigured or access denied',
  'ciphertext.rejected': 'rejected',
  'ciphertext.mismatched': 'mismatched',
  'credentials.invalid': 'no valid credentials',
  'vault.request-invalid': 'refused the request',
  'call.aborted': 'stopped',
};
