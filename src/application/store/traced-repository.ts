// A store whose calls are spans. Changes nothing of what the store does.
import type { KeyRepository } from '../../ports/key-repository.js';
import type { Tracer } from '../../ports/tracer.js';
import { traced } from '../resilience/spans.js';

export const tracedRepository = (store: KeyRepository, tracer: Tracer): KeyRepository => ({
  find: (...asked) => traced(tracer, 'store.find', {}, () => store.find(...asked)),
  insert: (...asked) => traced(tracer, 'store.insert', {}, () => store.insert(...asked)),
  addCiphertexts: (...asked) =>
    traced(tracer, 'store.addCiphertexts', {}, () => store.addCiphertexts(...asked)),
  dropCiphertexts: (...asked) =>
    traced(tracer, 'store.dropCiphertexts', {}, () => store.dropCiphertexts(...asked)),
  count: (...asked) => traced(tracer, 'store.count', {}, () => store.count(...asked)),
  page: (...asked) => traced(tracer, 'store.page', {}, () => store.page(...asked)),
  genesis: (...asked) => traced(tracer, 'store.genesis', {}, () => store.genesis(...asked)),
  initialise: (...asked) => traced(tracer, 'store.initialise', {}, () => store.initialise(...asked)),
});
