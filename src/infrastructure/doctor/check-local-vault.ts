// A region on this machine: its master key, and whether what it encrypts can be decrypted again.
import { LocalKmsKeyVault } from '../../adapters/local-kms/local-kms-key-vault.js';
import { readMasterKey, withoutMasterKey } from '../../adapters/local-kms/master-keys.js';
import { masterKeyFolder } from '../wiring/container.js';
import type { Region } from '../../domain/ids.js';
import type { VaultReport } from './check-vault.js';
import type { Examination } from './examination.js';
import { Subject } from '../checks/finding.js';
import { tryVault } from './try-vault.js';

export async function checkLocalVault(
  region: Region,
  { config, limitMs }: Examination,
): Promise<VaultReport> {
  const subject = new Subject(`region ${region}`);
  const { value: masterKey, refused } = subject.attempt('master key', () =>
    withoutMasterKey(masterKeyFolder(config), [region]).length > 0
      ? undefined
      : readMasterKey(masterKeyFolder(config), region),
  );
  if (refused) return { findings: [refused], isUsable: false };
  if (masterKey === undefined) {
    const found = 'not there yet: the next start makes it, unless a stored key needs the one that is gone';
    return { findings: [subject.skipped('master key', found)], isUsable: true };
  }
  const vault = new LocalKmsKeyVault(region, masterKey);
  const { decrypt } = await tryVault(vault, config.deployment, AbortSignal.timeout(limitMs));
  masterKey.fill(0);
  const isUsable = decrypt !== 'made-up' && decrypt.isOk();
  const finding = isUsable
    ? subject.ok('master key', 'encrypts and decrypts; whoever reads it on this disk reads all keys')
    : subject.broken('master key', 'does not open what it encrypts', 'this is a bug of RKMS: report it');
  return { findings: [finding], isUsable };
}
