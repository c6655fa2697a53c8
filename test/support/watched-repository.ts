// The store in a Map, with a list of the calls made to it and a place where a test may put another behaviour.
import type { KeyRepository } from '../../src/ports/key-repository.js';
import { InMemoryKeyRepository } from './in-memory-key-repository.js';

type Method = keyof KeyRepository;
type Args<M extends Method> = Parameters<KeyRepository[M]>;
type Answer<M extends Method> = ReturnType<KeyRepository[M]>;

export class WatchedRepository implements KeyRepository {
  readonly inner = new InMemoryKeyRepository();
  readonly calls: Method[] = [];
  /** What happens instead of the real thing, per method. */
  instead: Partial<KeyRepository> = {};

  get rows(): InMemoryKeyRepository['rows'] {
    return this.inner.rows;
  }

  find(...args: Args<'find'>): Answer<'find'> {
    this.calls.push('find');
    return this.instead.find?.(...args) ?? this.inner.find(...args);
  }

  insert(...args: Args<'insert'>): Answer<'insert'> {
    this.calls.push('insert');
    return this.instead.insert?.(...args) ?? this.inner.insert(...args);
  }

  addCiphertexts(...args: Args<'addCiphertexts'>): Answer<'addCiphertexts'> {
    this.calls.push('addCiphertexts');
    return this.instead.addCiphertexts?.(...args) ?? this.inner.addCiphertexts(...args);
  }

  dropCiphertexts(...args: Args<'dropCiphertexts'>): Answer<'dropCiphertexts'> {
    this.calls.push('dropCiphertexts');
    return this.instead.dropCiphertexts?.(...args) ?? this.inner.dropCiphertexts(...args);
  }

  count(...args: Args<'count'>): Answer<'count'> {
    this.calls.push('count');
    return this.instead.count?.(...args) ?? this.inner.count(...args);
  }

  page(...args: Args<'page'>): Answer<'page'> {
    this.calls.push('page');
    return this.instead.page?.(...args) ?? this.inner.page(...args);
  }

  genesis(...args: Args<'genesis'>): Answer<'genesis'> {
    this.calls.push('genesis');
    return this.instead.genesis?.(...args) ?? this.inner.genesis(...args);
  }

  initialise(...args: Args<'initialise'>): Answer<'initialise'> {
    this.calls.push('initialise');
    return this.instead.initialise?.(...args) ?? this.inner.initialise(...args);
  }
}
