// Deliberate bugs, to prove that the simulation finds them. Each replaces one text of the sources in a compiled copy. A text
// that does not occur exactly once is an error, so the table stays up to date with the sources.
import type { Patch } from './compile.js';
import type { Invariant } from './history.js';

export interface Mutant extends Patch {
  /** The bug, in words. */
  readonly name: string;
  /** The promises that it can break; catching it by any other one is an error. */
  readonly breaks: readonly Invariant[];
}

const get = 'src/application/keys/get-data-key.ts';
const kept = 'src/application/keys/key-cache.ts';
const create = 'src/application/keys/create-key.ts';
const settle = 'src/application/keys/commit-key.ts';
const wrap = 'src/application/keys/wrap-in-every-region.ts';
const prove = 'src/application/keys/wrap-and-prove.ts';
const open = 'src/application/keys/open-copy.ts';
const flights = 'src/application/resilience/single-flight.ts';
const storeCalls = 'src/application/store/store-calls.ts';
const guarded = 'src/application/access/guarded-keys.ts';
const context = 'src/domain/keys/encryption-context.ts';
const bounded = 'src/application/resilience/with-deadline.ts';
const replicated = 'src/application/store/replicated-repository.ts';
const changes = 'src/application/maintenance/record-changes.ts';
const race = 'src/application/resilience/hedged-race.ts';

const readsStore =
  'const found = await this.store.read(findRecord(id, firstVersion), signal);\n    if (found.isErr()) return err(found.error);';

export const mutants: readonly Mutant[] = [
  {
    name: 'single-flight ignores the id',
    breaks: ['I5'],
    file: get,
    find: "`${request.mayCreate ? 'create' : 'read'} ${request.id}`",
    replace: "(request.mayCreate ? 'create' : 'read')",
  },
  {
    name: 'single-flight ignores the permission to create',
    breaks: ['I8', 'I9'],
    file: get,
    find: "`${request.mayCreate ? 'create' : 'read'} ${request.id}`",
    replace: 'request.id',
  },
  {
    name: 'a reader creates',
    breaks: ['I9'],
    file: get,
    find: 'if (!mayCreate) return err(notFound);',
    replace: '',
  },
  {
    name: 'a failed read counts as absence',
    breaks: ['I8'],
    file: get,
    find: `${readsStore}\n    if (found.value) return`,
    replace:
      'const found = await this.store.read(findRecord(id, firstVersion), signal);\n    if (found.isOk() && found.value) return',
  },
  {
    name: 'a record of another id is opened',
    breaks: ['I5'],
    file: get,
    find: 'if (record.id !== id || record.version !== firstVersion) return err(ofAnotherKey);',
    replace: '',
  },
  {
    name: 'absence is cached',
    breaks: ['I8'],
    file: get,
    find: `${readsStore}\n    if (found.value) return`,
    replace:
      'const found = this.absent?.has(id) ? ok(undefined) : await this.store.read(findRecord(id, firstVersion), signal);' +
      '\n    if (found.isErr()) return err(found.error);' +
      '\n    if (!found.value) (this.absent ??= new Set()).add(id);\n    if (found.value) return',
  },
  {
    name: 'the cache answers with the record of another key',
    breaks: ['I5'],
    file: get,
    find: 'const cached = this.records.get(id);',
    replace:
      'const cached = this.records.get(id) ?? this.records.get([...(this.records.entries?.keys() ?? [])][0]);',
  },
  {
    name: 'a copy of the cache that no longer opens is not looked for in the store',
    breaks: ['I1'],
    file: get,
    find: "failure.kind !== 'key.unreadable' && failure.kind !== 'regions.exhausted'",
    replace: 'true',
  },
  {
    name: 'a kept key is served after its time',
    breaks: ['kept'],
    file: kept,
    find: 'openedAtMs: this.clock.monotonicMs() });',
    replace: 'openedAtMs: Infinity });',
  },
  {
    name: 'the kept key of another id is served',
    breaks: ['I5'],
    file: kept,
    find: 'const kept = this.kept.get(id);',
    replace: 'const kept = this.kept.get(id) ?? [...this.kept.values()][0];',
  },
  {
    name: 'callers get the kept key itself, and the first wipes it',
    breaks: ['no bug'],
    file: kept,
    find: 'key: key.copy(), keyAgeMs: ageMs',
    replace: 'key, keyAgeMs: ageMs',
  },
  {
    name: 'the genesis record is not checked',
    breaks: ['I7'],
    file: 'src/application/keys/genesis-check.ts',
    find: '.andThen((genesis) => checkGenesis(genesis, this.expected))',
    replace: '',
  },
  {
    name: 'the loser of two creations returns its own key',
    breaks: ['I1'],
    file: create,
    find: 'if (!commits) return ok({ record });',
    replace:
      'if (!commits) { released = true; return ok({ record, own: { key, region, attempts, hedged } }); }',
  },
  {
    name: 'a write that was refused counts as done',
    breaks: ['I1', 'I2'],
    file: settle,
    find: 'if (found.value) return ok(found.value);',
    replace: 'return ok(record);',
  },
  {
    name: 'a write of unknown outcome counts as done',
    breaks: ['I1', 'I2'],
    file: settle,
    find: 'return err(inserted.isErr() ? inserted.error : unknown);',
    replace: 'return ok(record);',
  },
  {
    name: 'absence after an unknown outcome counts as not created',
    breaks: ['I8'],
    file: settle,
    find: "const unknown: StoreOutcomeUnknown = { kind: 'store.outcome-unknown' };",
    replace: "const unknown = { kind: 'store.unavailable' };",
  },
  {
    name: 'a failed read after the write is reported as a plain failure',
    breaks: ['I8'],
    file: settle,
    find: "err(found.error.kind === 'key.unreadable' ? found.error : { ...unknown, cause: found.error })",
    replace: 'err(found.error)',
  },
  {
    name: 'a generated key of another length is accepted',
    breaks: ['no bug'],
    file: create,
    find: 'if (key.length === length) return ok(key);',
    replace: 'return ok(key);',
  },
  {
    name: 'a key that was not released is not wiped',
    breaks: ['wiped'],
    file: create,
    find: 'if (!released) key.wipe();',
    replace: '',
  },
  {
    name: 'the quorum is off by one',
    breaks: ['I2'],
    file: wrap,
    find: 'if (proven >= quorum)',
    replace: 'if (proven >= quorum - 1)',
  },
  {
    name: 'no read-back',
    breaks: ['I2', 'I6'],
    file: prove,
    find: 'readBack.equals(key)',
    replace: 'true',
  },
  {
    name: 'a failed read-back counts as proven',
    breaks: ['I2', 'I6'],
    file: prove,
    find: 'if (decrypted.isErr()) return err(decrypted.error);',
    replace: 'if (decrypted.isErr()) return ok(ciphertext);',
  },
  {
    name: 'no commitment check at opening',
    breaks: ['I1', 'I4', 'no bug'],
    file: open,
    find: 'key.isCommittedBy(commitment, id, version) ? opened : refused(key)',
    replace: 'opened',
  },
  {
    name: 'the context lacks the version',
    breaks: ['I5'],
    file: context,
    find: ", 'rkms:version': String(version)",
    replace: '',
  },
  {
    name: 'the context lacks the id',
    breaks: ['I5'],
    file: context,
    find: ", 'rkms:id': id",
    replace: '',
  },
  {
    name: 'the context lacks the commitment',
    breaks: ['I5'],
    file: context,
    find: ", 'rkms:commitment': commitment",
    replace: '',
  },
  {
    name: 'the key is released before its audit entry',
    breaks: ['I10'],
    file: guarded,
    find: 'released = written.isOk();\n      return written.isErr() ? err(written.error) : outcome;',
    replace: 'released = true;\n      return outcome;',
  },
  {
    name: 'the audit entry is not awaited',
    breaks: ['I10'],
    file: guarded,
    find: 'const written = await this.keep(this.entry(request, outcome));',
    replace: 'void this.keep(this.entry(request, outcome)); const written = outcome.map(() => undefined);',
  },
  {
    name: 'waiters of one flight share one key, and the first wipes it',
    breaks: ['no bug'],
    file: flights,
    find: 'resolve(result.isErr() || isLast ? result : ok(this.sharing.copy(result.value)));',
    replace: 'resolve(result);',
  },
  {
    name: 'a caller that leaves aborts the flight of the others',
    breaks: ['answered'],
    file: flights,
    find: 'if (execution.waiters === 0) this.abandon',
    replace: 'this.abandon',
  },
  {
    name: 'a write that timed out counts as not done',
    breaks: ['I8'],
    file: storeCalls,
    find: 'return this.call(act, cutOffWrite, signal);',
    replace: "return this.call(act, { ...cutOffWrite, onTimeout: { kind: 'store.unavailable' } }, signal);",
  },
  {
    name: 'no call is bounded in time',
    breaks: ['answered'],
    file: bounded,
    find: 'giveUp(onTimeout);',
    replace: '',
  },
  {
    name: 'a late key is dropped without being wiped',
    breaks: ['wiped'],
    file: bounded,
    find: 'discard?.(result.value);',
    replace: '',
  },
  {
    name: 'the first failure of a region ends the race',
    breaks: ['I1', 'I3'],
    file: race,
    find: "if (this.rules.after(attempt.failure) === 'stop') this",
    replace: 'if (true) this',
  },
  {
    name: 'home: records are written in any region',
    breaks: ['I1', 'I2', 'I7', 'I8'],
    file: replicated,
    find: "return regions.order().filter(({ region }) => mode.kind !== 'home' || region === mode.home);",
    replace: 'return regions.order();',
  },
  {
    name: 'home: absence in a replica counts as absence',
    breaks: ['I8', 'I1'],
    file: replicated,
    find: 'if (authoritative.includes(replica)) return found;',
    replace: 'return found;',
  },
  {
    name: 'strong: an unknown outcome in one region is forgotten in the next',
    breaks: ['I8'],
    file: 'src/application/store/replication-failures.ts',
    find: "return attempts.some(({ failure }) => outcomeOfWrite(failure) === 'unknown')",
    replace: 'return attempts.some(() => false)',
  },
  {
    name: 'strong: a write that timed out in a region counts as not done',
    breaks: ['I8'],
    file: 'src/application/store/store-regions.ts',
    find: '{ ...cutOffWrite, timeoutMs, setsPace: false }',
    replace: "{ ...cutOffWrite, onTimeout: { kind: 'store.unavailable' }, timeoutMs, setsPace: false }",
  },
  {
    name: 'a record is changed without an audit entry',
    breaks: ['I10'],
    file: changes,
    find: "const audited = await this.appendEntry(record, change, 'repaired');",
    replace: 'const audited = ok(undefined);',
  },
  {
    name: 'copies of removed regions are dropped while others are missing',
    breaks: ['I6'],
    file: 'src/domain/keys/repair-plan.ts',
    find: 'if (!isComplete || proven.length < quorum) return [];',
    replace: '',
  },
];
