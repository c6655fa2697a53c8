// Folders that RKMS writes to: owner and permissions, free space, and whether a write reaches the disk in time. Changes
// nothing: the test file of the flush check never has a name.
import { constants, existsSync, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf, ensurePrivateFolder } from '../../adapters/files/private-files.js';
import type { Finding, Subject } from '../checks/finding.js';
import type { Machine } from './machine.js';

const mib = 1024 * 1024;
/** Below the first, an operator should act; below the second, the service may stop within the hour. */
const enoughBytes = 1024 * mib;
const leastBytes = 64 * mib;
/** A flush takes a few milliseconds; the audit log gives up at 2 s. */
const slowFlushMs = 100;

/** Owner and permissions of a folder that exists. */
export function checkFolder(subject: Subject, folder: string, { uid }: Machine): readonly Finding[] {
  // The folder exists, so this creates nothing.
  const { refused } = subject.attempt('folder', () => {
    ensurePrivateFolder(folder);
  });
  if (refused) return [refused];
  const owner = statSync(folder).uid;
  if (uid !== undefined && owner !== uid) {
    return [
      subject.warning(
        'folder',
        `${folder} belongs to another user (number ${owner}) than the one that runs the doctor (number ${uid})`,
        'run the doctor as the user that runs RKMS: its findings about permissions are true for that user only',
      ),
    ];
  }
  return [subject.ok('folder', `${folder} can be read by its owner only`)];
}

export async function checkSpace(subject: Subject, folder: string, machine: Machine): Promise<Finding> {
  const free = await machine.freeBytes(folder);
  const found = `${shownBytes(free)} free on the disk of ${folder}`;
  const hint = 'free space, or use a larger disk; rotated files of the audit log may be moved elsewhere';
  if (free < leastBytes) return subject.broken('space', found, hint);
  return free < enoughBytes ? subject.warning('space', found, hint) : subject.ok('space', found);
}

/** Does a small write reach the disk, and how fast? */
export async function checkFlush(subject: Subject, folder: string, machine: Machine): Promise<Finding> {
  try {
    const tookMs = await machine.flushMs(folder);
    const found = `a write reached the disk in ${Math.max(1, Math.round(tookMs))} ms`;
    return tookMs > slowFlushMs
      ? subject.warning('flush', found, 'every request waits for such a write: use a faster disk')
      : subject.ok('flush', found);
  } catch (cause) {
    const found = `nothing can be written and flushed in ${folder} (${codeOf(cause)})`;
    return subject.broken('flush', found, 'without it no key is served: check the disk and its file system');
  }
}

/** A finding if this user cannot read and write the file, which exists. */
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
      'make the user that runs RKMS its owner',
    );
  }
}

/** Whether both paths are the same folder. */
export const isSameFolder = (one: string, other: string): boolean => resolve(one) === resolve(other);

/** The nearest existing folder above `path`: what does not exist yet will be created on its disk. */
export function existingFolder(path: string): string {
  const folder = dirname(path);
  return existsSync(folder) || folder === path ? folder : existingFolder(folder);
}

export const shownBytes = (bytes: number): string =>
  bytes >= 1024 * mib ? `${(bytes / (1024 * mib)).toFixed(1)} GiB` : `${Math.floor(bytes / mib)} MiB`;
