// Files and folders that only their owner may read. A file appears complete or not at all, and `createPrivateFile` never
// overwrites one. Synchronous, for start-up and commands: every failure is an OperatorError with the path and a remedy.
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { OperatorError } from '../system/operator-error.js';

/** Permission bits of the group and of others. */
const accessOfOthers = 0o077;
/** All permission bits except those of mode 0640. */
const beyondGroupRead = 0o137;
const ownerOnly = { file: 0o600, folder: 0o700 } as const;

/** Creates a missing folder (0700). Refuses one that other users may access or that RKMS may not write. */
export function ensurePrivateFolder(path: string): void {
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new OperatorError(
      `the folder ${path} cannot be written to (${codeOf(cause)})`,
      'make the user that runs RKMS its owner, or name another folder',
      { cause },
    );
  }
  refuseOthers(path, 'folder', ownerOnly.folder);
}

// Not with mkdir's `recursive`: below /proc, where no folder can be created, it never returns in Node 24.
function makeFolder(path: string): void {
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: ownerOnly.folder });
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST' || !statSync(path).isDirectory()) throw cause;
  }
}

/** The content, or undefined for a missing file. Refuses a file that other users may access. */
export function readPrivateFile(path: string): Buffer | undefined {
  try {
    refuseOthers(path, 'file', ownerOnly.file);
    return readFileSync(path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    if (cause instanceof OperatorError) throw cause;
    throw new OperatorError(
      `the file ${path} cannot be read (${codeOf(cause)})`,
      'make the user that runs RKMS its owner',
      {
        cause,
      },
    );
  }
}

/** Creates the file (0600), on disk when this returns. False, without a change, if the file exists. */
export function createPrivateFile(path: string, content: Uint8Array | string): boolean {
  return placeFile(path, content, (draft) => {
    try {
      linkSync(draft, path);
      return true;
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') return false;
      throw cause;
    } finally {
      unlinkSync(draft);
    }
  });
}

/** Replaces or creates the file (0600), on disk when this returns. A reader sees the old or the new content, never a mix. */
export function replacePrivateFile(path: string, content: Uint8Array | string): void {
  placeFile(path, content, (draft) => {
    renameSync(draft, path);
  });
}

function placeFile<T>(path: string, content: Uint8Array | string, place: (draft: string) => T): T {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`;
  try {
    writeFileSync(draft, content, { mode: ownerOnly.file, flag: 'wx', flush: true });
    const placed = place(draft);
    flushFolder(dirname(path));
    return placed;
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new OperatorError(
      `the file ${path} cannot be written (${codeOf(cause)})`,
      `check the permissions of ${dirname(path)} and the space on its disk`,
      { cause },
    );
  }
}

/**
 * True for a file as Kubernetes mounts a secret, or systemd a credential: owned by root, writable only by root, and readable
 * for `user` (a user id) through its group or an ACL. Root chose the readers, so the mode is not refused.
 */
export const isHandedOver = (file: { readonly mode: number; readonly uid: number }, user: number): boolean =>
  file.uid === 0 && user !== 0 && (file.mode & beyondGroupRead) === 0;

function refuseOthers(path: string, what: 'file' | 'folder', mode: number): void {
  const status = statSync(path);
  const actual = status.mode & 0o777;
  if ((actual & accessOfOthers) === 0) return;
  if (what === 'file' && isHandedOver(status, process.geteuid?.() ?? 0)) return;
  throw new OperatorError(
    `the ${what} ${path} is open to other users (mode ${actual.toString(8).padStart(4, '0')})`,
    `run: chmod ${mode.toString(8)} '${path}'`,
  );
}

function flushFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The code of a system error, such as `EACCES`; else the error as text. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
