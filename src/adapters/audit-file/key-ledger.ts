// Which keys the lines of an audit log say are in the store: created, or imported. Fed with lines in their order; keeps the
// newest ones. An import writes its line before it stores the key, so its newest lines prove nothing until the log is closed.
import type { LineFields } from './audit-chain.js';

/** A key that a line names. */
export interface LoggedKey {
  readonly id: string;
  readonly version: number;
  /** When, as the line says (ISO 8601, UTC). */
  readonly time: string;
  /** The store that holds it: when its genesis record was created, in milliseconds since 1970. */
  readonly store: number;
}

/** How many keys are known of one writer, how many a new file repeats, and how many imports may be under way at once. */
const maxKnown = 10_000;
const maxRepeated = 8;
const maxUnderWay = 1_000;

/** The action of the line with which an operator accepts that keys are lost: what earlier lines say is no longer expected. */
export const acceptLost = 'store.accept-lost';

export class KeyLedger {
  private readonly known = new Map<string, LoggedKey>();
  private readonly underWay = new Map<string, LoggedKey>();
  private acceptedAt = '';

  constructor(private readonly limit = maxKnown) {}

  take(line: LineFields): void {
    const { action, outcome, time } = line;
    switch (action) {
      case 'key.get':
        if (outcome === 'created') this.add(keyOf(line));
        return;
      case 'key.import':
        this.takeImport(keyOf(line), outcome === 'imported');
        return;
      case 'audit.close':
        for (const key of this.underWay.values()) this.add(key);
        this.underWay.clear();
        return;
      case 'audit.open':
        this.underWay.clear();
        return;
      case 'audit.file':
        if (line['latest'] !== undefined) this.restart(line['latest'], line['acceptedAt']);
        return;
      case acceptLost:
        this.restart(line['latest'], time);
    }
  }

  /** What the first line of the next file repeats, so that no reader needs more than one file. */
  get mark(): LineFields {
    const latest = [...this.known.values()].slice(-maxRepeated);
    if (latest.length === 0 && this.acceptedAt === '') return {};
    return { latest, ...(this.acceptedAt !== '' && { acceptedAt: this.acceptedAt }) };
  }

  /** The keys that all writers together know, oldest first. An accepted loss holds for what every writer wrote before it. */
  static merge(ledgers: readonly KeyLedger[]): readonly LoggedKey[] {
    const acceptedAt = ledgers.reduce(
      (latest, each) => (each.acceptedAt > latest ? each.acceptedAt : latest),
      '',
    );
    const keys = ledgers.flatMap((each) =>
      [...each.known.values()].filter(({ time }) => each.acceptedAt === acceptedAt || time > acceptedAt),
    );
    const byName = new Map(keys.map((key) => [nameOf(key), key]));
    return [...byName.values()].sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time)));
  }

  private takeImport(key: LoggedKey | undefined, isDone: boolean): void {
    if (key === undefined) return;
    const name = nameOf(key);
    if (!isDone) {
      this.underWay.delete(name);
      return;
    }
    this.underWay.set(name, key);
    const [oldest] = this.underWay.values();
    if (oldest === undefined || this.underWay.size <= maxUnderWay) return;
    this.underWay.delete(nameOf(oldest));
    this.add(oldest);
  }

  private restart(latest: unknown, acceptedAt: unknown): void {
    this.known.clear();
    this.underWay.clear();
    this.acceptedAt = typeof acceptedAt === 'string' ? acceptedAt : '';
    for (const each of Array.isArray(latest) ? (latest as readonly unknown[]) : []) {
      if (typeof each === 'object' && each !== null) this.add(keyOf(each as LineFields));
    }
  }

  private add(key: LoggedKey | undefined): void {
    if (key === undefined) return;
    this.known.delete(nameOf(key));
    this.known.set(nameOf(key), key);
    const [oldest] = this.known.keys();
    if (oldest !== undefined && this.known.size > this.limit) this.known.delete(oldest);
  }
}

const nameOf = ({ id, version }: LoggedKey): string => `${version} ${id}`;

/** Undefined for a line that does not say which store holds the key. */
function keyOf({ id, version, time, store }: LineFields): LoggedKey | undefined {
  return typeof id === 'string' &&
    typeof version === 'number' &&
    typeof time === 'string' &&
    typeof store === 'number'
    ? { id, version, time, store }
    : undefined;
}
