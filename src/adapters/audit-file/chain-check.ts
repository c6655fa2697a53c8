// Checks the lines of one audit file against the hash chain, in order and in constant memory. Reports each problem as a
// finding with its line. An incomplete line that a crash left, and that the restart recorded, is a note, not a finding.
import {
  beginning,
  follows,
  isCutShort,
  readLine,
  sha256,
  type Head,
  type IntactLine,
} from './audit-chain.js';

/** A line that RKMS did not write as it is, or lines that are missing. */
export interface AuditFinding {
  /** From 1; absent if the finding is about the whole file. */
  readonly line?: number;
  readonly what:
    | 'not-json'
    | 'malformed'
    | 'too-long'
    | 'edited'
    | 'missing-lines'
    | 'out-of-order'
    | 'does-not-follow'
    | 'no-beginning'
    | 'not-readable'
    | 'missing-file'
    | 'forked'
    | 'anchor-not-found';
  readonly detail: string;
}

/** An observation that is not, by itself, a sign of tampering. */
export interface AuditNote {
  readonly line?: number;
  readonly what: 'torn' | 'unfinished' | 'not-closed' | 'empty' | 'earlier-files';
  readonly detail: string;
}

export interface AuditPoint extends Head {
  readonly time: string;
}

/** Further findings are counted, but not kept. */
const maxFindings = 1_000;

/** A faulty line that becomes a note if the next line records it as left by a crash. */
interface Suspect {
  readonly piece: Buffer;
  readonly after: Head;
  readonly finding: AuditFinding;
}

export class ChainCheck {
  readonly findings: AuditFinding[] = [];
  readonly notes: AuditNote[] = [];
  findingCount = 0;
  lines = 0;
  /** Lines about keys and regions, without lines about the log itself. */
  entries = 0;
  first: (AuditPoint & { readonly prev: string }) | undefined;
  last: AuditPoint | undefined;
  /** The head that the next line must follow; undefined after a line that does not state one. */
  #head: Head | undefined;
  #suspect: Suspect | undefined;
  #closed: boolean | undefined;

  /** `onHead` gets the head after each intact line. */
  constructor(private readonly onHead: (head: Head) => void) {}

  /** Checks the next line, without its line feed. */
  take(bytes: Buffer): void {
    this.lines += 1;
    const line = readLine(bytes);
    const suspect = this.#suspect;
    this.#suspect = undefined;
    if ('fault' in line) {
      if (suspect) this.#add(suspect.finding);
      const finding = { line: this.lines, ...faults[line.fault] };
      this.#suspect = { piece: Buffer.from(bytes), after: this.#head ?? beginning, finding };
      this.#head = line.claimed;
      return;
    }
    if (suspect && recordsTorn(line, suspect)) {
      const detail = `${suspect.piece.length} bytes of a line that a crash interrupted, recorded by the restart after it`;
      this.notes.push({ line: this.lines - 1, what: 'torn', detail });
    } else {
      if (suspect) this.#add(suspect.finding);
      this.#compare(line);
    }
    this.#accept(line);
  }

  /** Reports a line that is too long to be read. */
  takeTooLong(bytes: number): void {
    this.#settle();
    this.lines += 1;
    this.#add({ line: this.lines, what: 'too-long', detail: `${bytes} bytes: longer than any line of RKMS` });
    this.#head = undefined;
  }

  /** Ends the check; `piece` is what follows the last line feed. */
  end(piece: Buffer): void {
    if (piece.length > 0) this.#takePiece(piece);
    this.#settle();
    if (this.lines === 0 && piece.length === 0) this.notes.push({ what: 'empty', detail: 'no line yet' });
  }

  #takePiece(piece: Buffer): void {
    if (!('fault' in readLine(piece))) {
      this.take(piece);
      return;
    }
    this.#settle();
    if (isCutShort(piece, this.#head ?? beginning)) {
      const detail = `${piece.length} bytes of an incomplete line: being written now, or interrupted by a crash`;
      this.notes.push({ line: this.lines + 1, what: 'unfinished', detail });
    } else {
      this.take(piece);
    }
  }

  /** No recording line followed: the suspect is a finding. */
  #settle(): void {
    if (this.#suspect) this.#add(this.#suspect.finding);
    this.#suspect = undefined;
  }

  #compare(line: IntactLine): void {
    const { first } = this;
    const action = line.fields['action'];
    if (this.lines === 1 && action !== 'audit.file') {
      this.#add({
        line: 1,
        what: 'no-beginning',
        detail: 'a file starts with the line audit.file: lines before this one are missing',
      });
    }
    if (first === undefined && line.seq === 1 && line.prev !== beginning.hash) {
      this.#add({
        line: this.lines,
        what: 'does-not-follow',
        detail: 'sequence 1 is the first line, but names a line before it',
      });
    }
    const head = this.#head;
    if (head === undefined || follows(line, head)) return;
    this.#add({ line: this.lines, ...mismatch(line, head) });
  }

  #accept(line: IntactLine): void {
    const { seq, prev, hash, fields } = line;
    const { time, action } = fields;
    const at = { seq, hash, time: typeof time === 'string' ? time : '' };
    this.first ??= { ...at, prev };
    this.last = at;
    this.#head = { seq, hash };
    this.onHead(this.#head);
    if (action === 'audit.open' && this.#closed === false) {
      const detail =
        'the previous process ended without closing the log: killed, or its last lines were cut off';
      this.notes.push({ line: this.lines, what: 'not-closed', detail });
    }
    if (action !== 'audit.file') this.#closed = action === 'audit.close';
    if (typeof action !== 'string' || !action.startsWith('audit.')) this.entries += 1;
  }

  #add(finding: AuditFinding): void {
    this.findingCount += 1;
    if (this.findings.length < maxFindings) this.findings.push(finding);
  }
}

const faults = {
  'not-json': { what: 'not-json', detail: 'not a JSON object' },
  malformed: { what: 'malformed', detail: 'not in the form seq, prev, ..., hash' },
  'hash-mismatch': { what: 'edited', detail: 'the hash does not match the line' },
} as const;

function mismatch(line: IntactLine, head: Head): Pick<AuditFinding, 'what' | 'detail'> {
  const missing = line.seq - head.seq - 1;
  const detail = `sequence ${line.seq} comes after ${head.seq}`;
  if (missing > 0) return { what: 'missing-lines', detail: `${detail}: ${missing} missing` };
  if (missing < 0) return { what: 'out-of-order', detail: `${detail}: repeated or moved` };
  return { what: 'does-not-follow', detail: `${detail}, but names another line before it` };
}

/** Whether a restart recorded exactly this piece, and continued from the line before it. */
function recordsTorn(line: IntactLine, { piece, after }: Suspect): boolean {
  const torn = line.fields['torn'];
  if (typeof torn !== 'object' || torn === null || !follows(line, after)) return false;
  const { bytes, sha256: hash } = torn as { bytes?: unknown; sha256?: unknown };
  return bytes === piece.length && hash === sha256(piece) && isCutShort(piece, after);
}
