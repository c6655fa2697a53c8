// Refuses to open the store on a network file system: SQLite's locks and its WAL do not work between machines, so two machines
// could create two keys for one id (https://www.sqlite.org/wal.html, "over a network filesystem"). Decides by the type alone.
import { statfsSync } from 'node:fs';
import { OperatorError } from '../system/operator-error.js';

/** :: `f_type` of Linux -> name. https://man7.org/linux/man-pages/man2/statfs.2.html */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

/** Throws an OperatorError for a folder on a network file system. Other systems than Linux have other numbers: not checked. */
export function requireLocalDisk(folder: string, typeOf = fileSystemType): void {
  const name = networkFileSystems.get(typeOf(folder));
  if (name === undefined) return;
  throw new OperatorError(
    `the store is on a network file system (${name}): ${folder}`,
    'put it on a local disk; for several machines use kind = "dynamodb" (docs/stores.md)',
  );
}

/** Some kernels report the type as a signed 32-bit number. */
const fileSystemType = (folder: string): number => statfsSync(folder).type >>> 0;
