// Opens every copy of a key, each in its own region, and says of each what came of it. Every plaintext is checked against
// the commitment and wiped; none leaves this file.
import { copyStateOf, type CopyState, type CopyCheck } from '../../domain/keys/copy-check.js';
import type { Deployment } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import type { KeyVault } from '../../ports/key-vault.js';
import { openingCopy } from '../keys/open-copy.js';
import type { RegionCalls } from '../regions/region-calls.js';

export class VerifyKey {
  constructor(
    private readonly vaults: readonly KeyVault[],
    private readonly calls: Pick<RegionCalls, 'call'>,
    private readonly deployment: Deployment,
  ) {}

  /** Never fails: a region that cannot be asked is part of the answer. Copies of regions that left are not looked at. */
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
    const opened = await this.calls.call(vault, openingCopy(record, this.deployment), signal);
    if (opened.isErr()) return copyStateOf(opened.error);
    opened.value.wipe();
    return { kind: 'good' };
  }
}
