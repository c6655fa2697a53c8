// Where the embedded store may be.
import { expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { requireLocalDisk } from '../../../src/adapters/sqlite/local-disk.js';
import { OperatorError } from '../../../src/adapters/system/operator-error.js';

it.each([
  ['NFS', 0x6969],
  ['CIFS', 0xff534d42],
  ['SMB2', 0xfe534d42],
])('the store is refused on %s, where two machines could create two keys for one id', (_, type) => {
  expect(() => {
    requireLocalDisk('/data', () => type);
  }).toThrow(OperatorError);
});

it('the store is accepted on a local disk', () => {
  expect(() => {
    requireLocalDisk(tmpdir());
  }).not.toThrow();
});
