// Files and folders that nobody but their owner may read. Files appear whole or not at all, and an existing one is never
// overwritten by `create`. Used while the service starts: what is wrong ends the start with a OperatorError.
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

const openToOthers = 0o077;
/** All bits but those of 0640. */
const beyondGroupReads = 0o137;
const ownerOnly = { file: 0o600, folder: 0o700 } as const;

/** Makes the folder (0700) if it is missing; refuses one that others may enter or that we may not write to. */
export function ensurePrivateFolder(path: string): void {
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new OperatorError(
      `the folder ${path} cannot be written to (${codeOf(cause)})`,
      'give it to the user that runs RKMS, or name another folder',
      { cause },
    );
  }
  refuseOthers(path, 'folder', ownerOnly.folder);
}

// Not mkdir's own `recursive`: under /proc, where nothing can be made, Node 24's never returns.
function makeFolder(path: string): void {
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: ownerOnly.folder });
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST' || !statSync(path).isDirectory()) throw cause;
  }
}

/** The file's content, or undefined when there is no such file; refuses a file that others may read. */
export function readPrivateFile(path: string): Buffer | undefined {
  try {
    refuseOthers(path, 'file', ownerOnly.file);
    return readFileSync(path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    if (cause instanceof OperatorError) throw cause;
    throw new OperatorError(
      `the file ${path} cannot be read (${codeOf(cause)})`,
      'give it to the user that runs RKMS',
      {
        cause,
      },
    );
  }
}

/** Creates the file (0600) with this content, on disk when this returns. False when there is one already. */
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

/** Replaces the file, or creates it (0600): a reader sees the old content or the new, never a mixture. */
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
 * How Kubernetes mounts a secret, and systemd a credential: root's file, which a group or an ACL lets `user` read. Root decided
 * who may; nobody but root may write it.
 */
export const isHandedOver = (file: { readonly mode: number; readonly uid: number }, user: number): boolean =>
  file.uid === 0 && user !== 0 && (file.mode & beyondGroupReads) === 0;

function refuseOthers(path: string, what: 'file' | 'folder', mode: number): void {
  const status = statSync(path);
  const actual = status.mode & 0o777;
  if ((actual & openToOthers) === 0) return;
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

/** The system's name for an error, as `EACCES`. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
