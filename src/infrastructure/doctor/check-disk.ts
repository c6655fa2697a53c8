// Folders and disks that RKMS writes on: whose the folder is, whether others may enter it, how much room is left, and whether
// what is written reaches the disk.
import { constants, existsSync, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf, ensurePrivateFolder } from '../../adapters/files/private-files.js';
import type { Finding, Subject } from '../checks/finding.js';
import type { Machine } from './machine.js';

const mib = 1024 * 1024;
/** Below the first an operator should act, below the second the service may stop answering within the hour. */
const enoughBytes = 1024 * mib;
const leastBytes = 64 * mib;
/** A flush takes a few milliseconds; the audit log gives up at 2 s. */
const slowFlushMs = 100;

/** The folder's owner and permissions. Whoever calls has seen that it is there. */
export function checkFolder(subject: Subject, folder: string, { uid }: Machine): readonly Finding[] {
  // The folder is there, so that nothing is made here.
  const { refused } = subject.attempt('folder', () => {
    ensurePrivateFolder(folder);
  });
  if (refused) return [refused];
  const owner = statSync(folder).uid;
  if (uid !== undefined && owner !== uid) {
    return [
      subject.warning(
        'folder',
        `${folder} belongs to another user (number ${owner}) than the one that asks (number ${uid})`,
        'run the doctor as the user that runs RKMS: only then is what it says of permissions true',
      ),
    ];
  }
  return [subject.ok('folder', `${folder} is for its owner alone`)];
}

export async function checkSpace(subject: Subject, folder: string, machine: Machine): Promise<Finding> {
  const free = await machine.freeBytes(folder);
  const found = `${shownBytes(free)} free on the disk of ${folder}`;
  const hint =
    'make room on it, or give it a larger disk; files of the audit log that were put aside may be archived elsewhere';
  if (free < leastBytes) return subject.broken('space', found, hint);
  return free < enoughBytes ? subject.warning('space', found, hint) : subject.ok('space', found);
}

/** Whether a piece of a file reaches the disk, and in what time. */
export async function checkFlush(subject: Subject, folder: string, machine: Machine): Promise<Finding> {
  try {
    const tookMs = await machine.flushMs(folder);
    const found = `a write reached the disk in ${Math.max(1, Math.round(tookMs))} ms`;
    return tookMs > slowFlushMs
      ? subject.warning('flush', found, 'every key waits for such a write: use a faster disk')
      : subject.ok('flush', found);
  } catch (cause) {
    const found = `nothing can be written and flushed in ${folder} (${codeOf(cause)})`;
    return subject.broken(
      'flush',
      found,
      'no key is answered without it: see to the disk and its file system',
    );
  }
}

/** Whether a file that is there can be read and written by us. */
export async function checkWritable(
  subject: Subject,
  check: string,
  path: string,
): Promise<Finding | undefined> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (cause) {
    return subject.broken(
      check,
      `${path} cannot be written (${codeOf(cause)})`,
      'give it to the user that runs RKMS',
    );
  }
}

/** Whether two names are of one folder. */
export const isSameFolder = (one: string, other: string): boolean => resolve(one) === resolve(other);

/** The nearest folder above `path` that is there: what is not there yet will be made on its disk. */
export function existingFolder(path: string): string {
  const folder = dirname(path);
  return existsSync(folder) || folder === path ? folder : existingFolder(folder);
}

export const shownBytes = (bytes: number): string =>
  bytes >= 1024 * mib ? `${(bytes / (1024 * mib)).toFixed(1)} GiB` : `${Math.floor(bytes / mib)} MiB`;
