// A local region: does its master key exist, and does it decrypt what it encrypted? The key is wiped after the check.
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
    const found = 'not created yet: the next start creates it, unless a stored key needs the lost one';
    return { findings: [subject.skipped('master key', found)], isUsable: true };
  }
  const vault = new LocalKmsKeyVault(region, masterKey);
  const { decrypt } = await tryVault(vault, config.deployment, AbortSignal.timeout(limitMs));
  masterKey.fill(0);
  const isUsable = decrypt !== 'made-up' && decrypt.isOk();
  const finding = isUsable
    ? subject.ok('master key', 'encrypts and decrypts; anyone who can read it on this disk can read all keys')
    : subject.broken('master key', 'does not decrypt what it encrypted', 'this is a bug of RKMS: report it');
  return { findings: [finding], isUsable };
}
