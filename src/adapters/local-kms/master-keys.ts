// The master keys of the local vaults: one file per region (0600), created once and never replaced. Without its file, all
// copies of a region are lost. The caller creates a missing one only if no stored record can need it.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Region } from '../../domain/ids.js';
import { OperatorError } from '../system/operator-error.js';
import { createPrivateFile, ensurePrivateFolder, readPrivateFile } from '../files/private-files.js';
import { masterKeyBytes } from './local-kms-key-vault.js';

// File: magic (8) | master key (32) | check (8): the first bytes of SHA-256 over magic, region and key. The check detects a
// damaged file, and the file of another region.
const magic = Buffer.from('RKMSMK01');
const checkBytes = 8;
const fileBytes = magic.length + masterKeyBytes + checkBytes;

export const masterKeyPath = (folder: string, region: Region): string => join(folder, `${region}.key`);

export const withoutMasterKey = (folder: string, regions: readonly Region[]): readonly Region[] =>
  regions.filter((region) => !existsSync(masterKeyPath(folder, region)));

/** Creates a master key for the region. An existing file, also one created by another process meanwhile, is kept. */
export function createMasterKey(folder: string, region: Region): void {
  ensurePrivateFolder(folder);
  const key = randomBytes(masterKeyBytes);
  const content = Buffer.concat([magic, key, checkOf(region, key)]);
  createPrivateFile(masterKeyPath(folder, region), content);
  key.fill(0);
  content.fill(0);
}

/** The region's master key, 32 bytes. Refuses a missing or damaged file, and the file of another region. */
export function readMasterKey(folder: string, region: Region): Buffer {
  const path = masterKeyPath(folder, region);
  const content = readPrivateFile(path);
  if (content === undefined) {
    throw new OperatorError(`the master key ${path} is missing`, restore);
  }
  if (content.length !== fileBytes) {
    throw new OperatorError(
      `the master key ${path} has ${content.length} bytes instead of ${fileBytes}`,
      restore,
    );
  }
  const key = Buffer.alloc(masterKeyBytes);
  content.copy(key, 0, magic.length);
  const whole =
    content.subarray(0, magic.length).equals(magic) &&
    content.subarray(-checkBytes).equals(checkOf(region, key));
  content.fill(0);
  if (whole) return key;
  throw new OperatorError(`the master key ${path} is damaged or belongs to another region`, restore);
}

/** For a command that stores nothing: instead of a missing master key, which no stored record needs, one in memory. */
export const readOrInventMasterKey: typeof readMasterKey = (folder, region) =>
  existsSync(masterKeyPath(folder, region)) ? readMasterKey(folder, region) : randomBytes(masterKeyBytes);

const restore =
  'restore it from a backup; RKMS never replaces a master key, because stored keys depend on it';

const checkOf = (region: Region, key: Uint8Array): Buffer =>
  createHash('sha256').update(magic).update(`${region}\0`).update(key).digest().subarray(0, checkBytes);
