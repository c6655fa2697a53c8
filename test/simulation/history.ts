// The checker: it sees every call, every write and every answer, knows the true state that no process knows, and reports
// which promise was broken (I1 to I10). It never influences a schedule.
import type { DataKey } from '../../src/domain/keys/data-key.js';
import { encryptionContext, type EncryptionContext } from '../../src/domain/keys/encryption-context.js';
import type { GetKeyFailure } from '../../src/domain/failures/key-failures.js';
import type { Deployment, KeyId, Region } from '../../src/domain/ids.js';
import type { KeyRecord } from '../../src/domain/keys/key-record.js';
import type { RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { AuditEntry } from '../../src/ports/audit-log.js';
import type { Result } from 'neverthrow';
import type { ServedKey } from '../../src/application/keys/served-key.js';
import { hexOf, isWiped } from '../support/sample-keys.js';
import type { Caller } from './port-call.js';
import { contextText, type SimulatedKms } from './simulated-kms.js';
import { rowName, type SimulatedTable } from './simulated-store.js';
import type { World } from './world.js';

export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'wiped'
  | 'kept'
  | 'answered'
  | 'no bug';

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
  readonly step: number;
}

/** One request, until it is answered. */
export interface Asked {
  readonly requestId: string;
  readonly process: Caller;
  readonly table: SimulatedTable;
  readonly id: KeyId;
  readonly mayCreate: boolean;
  readonly signal: AbortSignal;
  readonly sinceStep: number;
  /** Whether the store held the key when the request began. */
  readonly existed: boolean;
  /** When its outcome was known and only the audit entry was not written yet. */
  decidedStep: number;
  isAnswered: boolean;
}

/** One attempt to store a new record. */
export interface Insertion {
  readonly process: Caller;
  readonly id: KeyId;
  readonly step: number;
  landed: boolean;
}

/** A row before, if it existed, and after a write. */
export interface Written {
  readonly before: KeyRecord | undefined;
  readonly after: KeyRecord;
  readonly isDrop: boolean;
}

/** More than a request may take from the answer of a region to the release of the key (ms). */
const releaseMs = 2_400;

/** Failures which promise that this request created no key. */
const saysNotCreated: ReadonlySet<GetKeyFailure['kind']> = new Set<GetKeyFailure['kind']>([
  'key.not-found',
  'regions.below-quorum',
  'store.unavailable',
  'store.throttled',
  'store.misconfigured',
  'store.foreign',
  'credentials.invalid',
]);

/** The id of the canary keys that probes decrypt; they protect no data and have no commitment. */
const canaryId = '_rkms/canary';

export interface HistorySettings {
  readonly deployment: Deployment;
  readonly quorum: number;
  /** How long processes keep opened keys (ms). */
  readonly keyTtlMs: number;
}

export class History {
  violation: Violation | undefined;
  /** :: "id version" -> the key that was released for it, in hex */
  readonly released = new Map<string, string>();
  readonly counts = { asked: 0, released: 0, created: 0, repaired: 0, dropped: 0 };
  private readonly asked = new Set<Asked>();
  private readonly insertions: Insertion[] = [];
  private readonly claims: { readonly asked: Asked; readonly kind: string }[] = [];
  /** :: commitment -> the key it was made from, in hex */
  private readonly committed = new Map<string, string>();
  private readonly lines = new Map<string, string>();
  /** Keys that vaults returned to processes, which must wipe them. */
  private readonly handedOut: { readonly process: Caller; readonly key: DataKey }[] = [];
  /** :: process and id of requests whose callers may create */
  private readonly mayCreate = new Set<string>();
  /** Processes that repair incomplete keys. */
  private readonly repairing = new Set<string>();
  /** :: process and id of repairs whose audit entry is written */
  private readonly repairLines = new Set<string>();
  /** :: process and id -> when a region last gave it the key, by the world's time (ms) */
  private readonly lastOpened = new Map<string, number>();
  private readonly works = new Set<{ readonly what: string; readonly process: Caller }>();

  constructor(
    private readonly world: World,
    private readonly kms: SimulatedKms,
    private readonly settings: HistorySettings,
  ) {}

  broken(invariant: Invariant, what: string): void {
    this.world.note(`!! ${invariant}: ${what}`);
    this.violation ??= { invariant, what, step: this.world.steps };
  }

  // Requests

  asks(request: Omit<Asked, 'sinceStep' | 'existed' | 'decidedStep' | 'isAnswered'>): Asked {
    const { id, process, mayCreate, table } = request;
    const existed = table.truth(`${id} 1`) !== undefined;
    const asked = {
      ...request,
      sinceStep: this.world.steps,
      existed,
      decidedStep: Infinity,
      isAnswered: false,
    };
    this.counts.asked += 1;
    this.asked.add(asked);
    if (mayCreate) this.mayCreate.add(`${process.name} ${id}`);
    return asked;
  }

  /** From now on the process may encrypt existing keys and change their records. */
  repairs(process: Caller): void {
    this.repairing.add(process.name);
  }

  /** Background work, which must end as well. Returns the function that reports its end. */
  begins(process: Caller, what: string): () => void {
    const work = { what, process };
    this.works.add(work);
    return () => {
      this.works.delete(work);
    };
  }

  answers(asked: Asked, result: Result<ServedKey, GetKeyFailure>): void {
    asked.isAnswered = true;
    this.world.note(`${asked.requestId} ${result.isOk() ? 'released' : result.error.kind}`);
    if (result.isOk()) this.releases(asked, result.value);
    else this.refuses(asked, result.error.kind);
  }

  /** A key that a caller holds must not change. */
  checkHeld({ id, version, key }: ServedKey): void {
    const name = rowName({ id, version });
    if (isWiped(key)) this.broken('no bug', `the ${name} that a caller holds was wiped by another owner`);
    else if (hexOf(key) !== this.released.get(name))
      this.broken('I1', `the ${name} that a caller holds changed`);
  }

  /** Every request to a live process must be answered by now. */
  checkAllAnswered(): void {
    for (const { isAnswered, process, requestId } of this.asked) {
      if (!isAnswered && process.isAlive) this.broken('answered', `${requestId} never got an answer`);
    }
    for (const { what, process } of this.works) {
      if (process.isAlive) this.broken('answered', `${what} of ${process.name} never ended`);
    }
  }

  private releases(asked: Asked, { id, version, key, created, keyAgeMs }: ServedKey): void {
    this.counts.released += 1;
    if (created) this.counts.created += 1;
    const name = rowName({ id, version });
    if (isWiped(key)) {
      this.broken('no bug', `${asked.requestId} received a wiped key`);
      return;
    }
    const hex = hexOf(key);
    if (key.length !== 32) this.broken('no bug', `${asked.requestId} got a key of ${key.length} bytes`);
    if (id !== asked.id) this.broken('I5', `${asked.requestId} asked for ${asked.id} and got ${name}`);
    if (keyAgeMs !== undefined) this.checkKept(asked);
    const first = this.released.get(name) ?? hex;
    if (first !== hex) this.broken('I1', `${asked.requestId}: ${name} has a second key`);
    this.released.set(name, first);
    this.checkStored(asked, name, hex);
    const line = this.lines.get(asked.requestId);
    if (line !== (created ? 'created' : 'opened')) {
      this.broken('I10', `${asked.requestId} was released with the audit line ${line ?? 'missing'}`);
    }
  }

  /** A kept key is served for its time only; its answer may have been on its way before that, and its audit entry after. */
  private checkKept({ id, requestId, process }: Asked): void {
    const openedMs = this.lastOpened.get(`${process.name} ${id}`) ?? -Infinity;
    const ageMs = this.world.nowMs - openedMs;
    if (ageMs > this.settings.keyTtlMs + releaseMs)
      this.broken('kept', `${requestId}: no region had opened the key of ${id} for ${ageMs} ms`);
  }

  private checkStored({ requestId, table }: Asked, name: string, hex: string): void {
    const record = table.truth(name);
    if (record === undefined) {
      this.broken('I2', `${requestId}: ${name} was released and is not stored`);
      return;
    }
    if (this.committed.get(record.commitment) !== hex) {
      this.broken('I1', `${requestId}: the stored ${name} is another key than the one released`);
    }
    const good = this.goodCopies(record).length;
    if (good < this.settings.quorum) this.broken('I2', `${requestId}: ${name} has ${good} proven copies`);
  }

  private refuses(asked: Asked, kind: GetKeyFailure['kind']): void {
    const { requestId, existed, id, signal, mayCreate } = asked;
    if (kind === 'key.not-found' && (existed || mayCreate)) {
      this.broken(
        'I8',
        `${requestId}: ${id} ${existed ? 'exists' : 'may be created'} and was reported as not found`,
      );
    }
    if (kind === 'call.aborted' && !signal.aborted) {
      this.broken('answered', `${requestId} was answered as abandoned, but its caller was waiting`);
    }
    if (saysNotCreated.has(kind)) this.claims.push({ asked, kind });
  }

  /** A request that reported that nothing was created must be right, also after late writes. */
  checkClaims(): void {
    for (const { asked, kind } of this.claims) {
      const made = this.insertions.find(
        (each) =>
          each.landed &&
          each.process === asked.process &&
          each.id === asked.id &&
          each.step >= asked.sinceStep &&
          each.step <= asked.decidedStep,
      );
      if (made && asked.mayCreate) {
        this.broken('I8', `${asked.requestId} reported ${kind}, but its insert at step ${made.step} landed`);
      }
    }
  }

  // Calls to vaults

  generates(process: Caller, context: EncryptionContext): void {
    const id: string | undefined = context['rkms:id'];
    if (id !== canaryId) this.checkMayCreate(process, id, 'generated a key');
  }

  encrypts(process: Caller, key: DataKey, context: EncryptionContext): void {
    if (context['rkms:id'] === canaryId) return;
    if (!this.repairing.has(process.name)) {
      this.checkMayCreate(process, context['rkms:id'], 'encrypted a key');
    }
    this.checkBound(process, context);
    const { 'rkms:commitment': commitment, 'rkms:id': id } = context;
    if (commitment === undefined) return;
    // There is only version 1.
    if (key.isCommittedBy(commitment, id, 1 as KeyRecord['version']))
      this.committed.set(commitment, hexOf(key));
    else this.broken('I4', `${process.name} encrypted a key for ${id} that fails its commitment`);
  }

  decrypts(process: Caller, context: EncryptionContext): void {
    if (context['rkms:id'] !== canaryId) this.checkBound(process, context);
  }

  handsOut(process: Caller, key: DataKey, context: EncryptionContext): void {
    // A canary is kept until its process ends.
    if (context['rkms:id'] === canaryId) return;
    this.handedOut.push({ process, key });
    this.lastOpened.set(`${process.name} ${context['rkms:id']}`, this.world.nowMs);
  }

  /** A live process must have wiped every key that it received. */
  checkWiped(): void {
    const left = this.handedOut.filter(({ process, key }) => process.isAlive && !isWiped(key));
    if (left.length > 0)
      this.broken('wiped', `${left.length} keys were never wiped by ${left[0]?.process.name}`);
  }

  private checkBound(process: Caller, context: EncryptionContext): void {
    const names = ['rkms:deployment', 'rkms:id', 'rkms:version', 'rkms:commitment'] as const;
    const missing = names.filter((name) => (context[name] as string | undefined) === undefined);
    if (missing.length > 0)
      this.broken('I5', `${process.name} used a ciphertext not bound to ${missing.join(', ')}`);
  }

  private checkMayCreate(process: Caller, id: string | undefined, what: string): void {
    if (id === undefined || this.mayCreate.has(`${process.name} ${id}`)) return;
    this.broken('I9', `${process.name} ${what} for ${id}, and nobody there may create`);
  }

  // Writes to the store

  inserts(process: Caller, { id }: KeyRecord): Insertion {
    const insertion = { process, id, step: this.world.steps, landed: false };
    this.insertions.push(insertion);
    this.checkMayCreate(process, id, 'inserted a record');
    return insertion;
  }

  /** A change of a record was sent. */
  changes(process: Caller, { id }: KeyRecord): void {
    if (!this.repairing.has(process.name))
      this.broken('I9', `${process.name} changed ${id}, and does not repair`);
    if (!this.repairLines.has(`${process.name} ${id}`)) {
      this.broken('I10', `${process.name} changed ${id} without an audit line`);
    }
  }

  writes(process: Caller, table: SimulatedTable, { before, after, isDrop }: Written): void {
    const name = rowName(after);
    if (before === undefined) {
      this.checkNew(process, table, after);
      return;
    }
    this.counts[isDrop ? 'dropped' : 'repaired'] += 1;
    if (after.revision !== before.revision + 1)
      this.broken('I6', `${name} was changed without compare-and-set`);
    if (isDrop) this.checkDrop(process, name, after);
    else this.overwrites(table.home, before, after);
  }

  private checkNew(process: Caller, table: SimulatedTable, record: KeyRecord): void {
    const name = rowName(record);
    if (table.genesis(table.home)?.deployment !== this.settings.deployment) {
      this.broken('I7', `${process.name} made ${name} in a store that is not ours`);
    }
    const good = this.goodCopies(record).length;
    if (good < this.settings.quorum)
      this.broken('I2', `${process.name} stored ${name} with ${good} proven copies`);
    if (good < record.ciphertexts.size)
      this.broken('I2', `${process.name} stored an unproven copy of ${name}`);
  }

  /** Copies of removed regions may be dropped, but only from keys that are complete without them. */
  private checkDrop(process: Caller, name: string, after: KeyRecord): void {
    const good = new Set(this.goodCopies(after));
    const missing = process.regions.filter((region) => !good.has(region));
    if (missing.length > 0)
      this.broken(
        'I6',
        `${process.name} dropped copies of ${name}; it has no good copy in ${missing.join(', ')}`,
      );
  }

  /** A row was replaced, by a write or by replication. */
  overwrites(replica: Region, before: KeyRecord | undefined, after: KeyRecord): void {
    if (before === undefined) return;
    const name = rowName(after);
    if (before.commitment !== after.commitment)
      this.broken('I1', `the ${name} in ${replica} became another key`);
    const kept = new Set(this.goodCopies(after));
    const lost = this.goodCopies(before).filter((region) => !kept.has(region));
    if (lost.length > 0) this.broken('I6', `the ${name} in ${replica} lost its copies of ${lost.join(', ')}`);
  }

  /** An audit entry was sent: the outcome of its request is decided. */
  beginsLine(entry: AuditEntry): void {
    for (const asked of this.asked)
      if (asked.requestId === entry.requestId) asked.decidedStep = this.world.steps;
  }

  keepsLine(process: Caller, entry: AuditEntry): void {
    if (entry.action === 'key.repair') this.repairLines.add(`${process.name} ${entry.id}`);
    else this.lines.set(entry.requestId, entry.outcome);
  }

  /** The regions whose ciphertext was correct when it was made. */
  goodCopies(record: KeyRecord): readonly Region[] {
    return [...record.ciphertexts].flatMap(([region, copy]) =>
      this.isGood(record, region, copy) ? [region] : [],
    );
  }

  private isGood(record: KeyRecord, region: Region, copy: RegionalCiphertext): boolean {
    const { id, version, commitment } = record;
    const line = this.kms.lineOf(copy);
    if (line?.region !== region) return false;
    const { deployment } = this.settings;
    const isBound = line.context === contextText(encryptionContext({ deployment, id, version }, commitment));
    return isBound && Buffer.from(line.plaintext).toString('hex') === this.committed.get(commitment);
  }
}
