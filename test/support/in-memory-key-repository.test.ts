// The store in a Map that other tests use keeps the same promises as the real ones.
import { describe, test } from '@jest/globals';
import {
  keyRepositoryContract,
  unreadableRecordContract,
  type SpoilableStore,
} from '../contracts/key-repository-contract.js';
import { InMemoryKeyRepository } from './in-memory-key-repository.js';

function makeStore(): Promise<SpoilableStore> {
  const subject = new InMemoryKeyRepository();
  return Promise.resolve({
    subject,
    corrupt: (id, version, how) => {
      const name = `${id} ${version}`;
      const change = how === 'newer-format' ? { format: 2, ciphertexts: 'unheard of' } : { commitment: 'x' };
      subject.rows.set(name, { ...subject.rows.get(name), ...change });
      return Promise.resolve();
    },
    stored: (id, version) => Promise.resolve(JSON.stringify(subject.rows.get(`${id} ${version}`))),
  });
}

describe('the contract of a store', () => {
  for (const promise of keyRepositoryContract(makeStore)) test(promise.name, promise.run);
});

describe('the contract of a store, for records that cannot be read', () => {
  for (const promise of unreadableRecordContract(makeStore)) test(promise.name, promise.run);
});
