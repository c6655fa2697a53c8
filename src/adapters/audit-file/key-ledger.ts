// Which keys the lines of an audit log say are in the store: created, or imported. Fed with lines in their order; keeps the
// newest ones. An import writes its line before it stores the key, so its newest lines prove nothing until the log is closed.
import type { LineFields } from './audit-chain.js';

/** A key that a line names. */
export interface LoggedKey {
  readonly id: string;
  readonly version: number;
  /** When, as the line says (ISO 8601, UTC). Only to be shown: a clock may have been wrong. */
  readonly time: string;
  /** The store that holds it: when its genesis record was created, in milliseconds since 1970. */
  readonly store: number;
  /** The number of the line in its chain. */
  readonly seq: number;
}

/** `file`: the name of the current file of the writer whose line it is. */
export type WrittenKey = LoggedKey & { readonly file: string };

/** What an operator accepted to be lost :: name of a writer's current file -> number of its last line that holds no more. */
export type AcceptedLoss = Readonly<Record<string, number>>;

/** How many keys are known of one writer, how many a new file repeats, and how many imports may be under way at once. */
const maxKnown = 10_000;
const maxRepeated = 8;
const maxUnderWay = 1_000;

/** The action of the line with which an operator accepts that keys are lost: what earlier lines say is no longer expected. */
export const acceptLost = 'store.accept-lost';

export class KeyLedger {
  private readonly known = new Map<string, LoggedKey>();
  private readonly underWay = new Map<string, LoggedKey>();
  private accepted: AcceptedLoss = {};

  constructor(private readonly limit = maxKnown) {}

  /** `seq`: the number of the line in its chain. */
  take(line: LineFields, seq: number): void {
    const { action, outcome } = line;
    switch (action) {
      case 'key.get':
        if (outcome === 'created') this.add(keyOf(line, seq));
        return;
      case 'key.import':
        this.takeImport(keyOf(line, seq), outcome === 'imported');
        return;
      case 'audit.close':
        for (const key of this.underWay.values()) this.add(key);
        this.underWay.clear();
        return;
      case 'audit.open':
        this.underWay.clear();
        return;
      case 'audit.file':
        if (line['latest'] !== undefined) this.restart(line, seq, true);
        return;
      case acceptLost:
        this.restart(line, seq, false);
    }
  }

  /** What the first line of the next file repeats, so that no reader needs more than one file. */
  get mark(): LineFields {
    const latest = [...this.known.values()].slice(-maxRepeated);
    const isEmpty = latest.length === 0 && Object.keys(this.accepted).length === 0;
    return isEmpty ? {} : { latest, accepted: this.accepted };
  }

  /**
   * The keys that all writers together know (:: name of the current file -> ledger), without those of an accepted loss. The
   * newest of each writer come last, by the order of its lines: a clock that was wrong hides none.
   */
  static merge(ledgers: ReadonlyMap<string, KeyLedger>): readonly WrittenKey[] {
    const all = [...ledgers.values()];
    const ranked = [...ledgers].flatMap(([file, { known }]) => {
      const lost = Math.max(0, ...all.map(({ accepted }) => accepted[file] ?? 0));
      const kept = [...known.values()].filter(({ seq }) => seq > lost);
      return kept.map((key, at) => ({ key: { ...key, file }, newer: kept.length - at }));
    });
    ranked.sort((a, b) => b.newer - a.newer || (a.key.time < b.key.time ? -1 : 1));
    const byName = new Map<string, WrittenKey>();
    for (const { key } of ranked) {
      byName.delete(nameOf(key));
      byName.set(nameOf(key), key);
    }
    return [...byName.values()];
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

  /** `latest` holds from here on: in a file's first line with the numbers of their own lines, else with that of this line. */
  private restart({ latest, accepted }: LineFields, seq: number, isRepeated: boolean): void {
    this.known.clear();
    this.underWay.clear();
    for (const [file, upTo] of entriesOf(accepted)) {
      if (typeof upTo === 'number')
        this.accepted = { ...this.accepted, [file]: Math.max(upTo, this.accepted[file] ?? 0) };
    }
    for (const each of Array.isArray(latest) ? (latest as readonly unknown[]) : []) {
      const line = Object.fromEntries(entriesOf(each));
      this.add(keyOf(line, isRepeated && typeof line['seq'] === 'number' ? line['seq'] : seq));
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

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];

/** Undefined for a line that does not say which store holds the key. */
function keyOf({ id, version, time, store }: LineFields, seq: number): LoggedKey | undefined {
  return typeof id === 'string' &&
    typeof version === 'number' &&
    typeof time === 'string' &&
    typeof store === 'number'
    ? { id, version, time, store, seq }
    : undefined;
}
