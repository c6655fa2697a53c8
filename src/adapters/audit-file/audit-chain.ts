// Writes and parses one line of the audit log. A line has the hash of the previous line and its own hash: SHA-256, in hex,
// over its bytes up to `,"hash":`. docs/audit.md specifies this format for verifiers, so it must never change.
import { hash } from 'node:crypto';

/** The end of a chain: sequence number and hash of its last line. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** The head of a chain without lines. */
export const beginning: Head = { seq: 0, hash: '0'.repeat(64) };

export type LineFields = Readonly<Record<string, unknown>>;

/** A line whose own hash is right. Says nothing about its place in the chain. */
export interface IntactLine extends Head {
  readonly prev: string;
  readonly fields: LineFields;
}

/** `claimed` is the head that the line states for itself, if it is readable. */
export interface FaultyLine {
  readonly fault: 'not-json' | 'malformed' | 'hash-mismatch';
  readonly claimed?: Head;
}

/** Limit of each text in a line, in UTF-16 units. A longer text is cut and ends in an ellipsis. */
export const maxTextLength = 512;

const hashBytes = 64;
const hashMarker = ',"hash":"';
const endBytes = hashMarker.length + hashBytes + 2;
/** Length of `{"seq":`, at most 16 digits, `,"prev":"`, a hash and `",`. */
const longestStart = 7 + 16 + 9 + hashBytes + 2;

/** The line after `after`, with its line feed, and the chain's new head. */
export function nextLine(after: Head, fields: LineFields): { readonly text: string; readonly head: Head } {
  const seq = after.seq + 1;
  const covered = `{"seq":${seq},"prev":"${after.hash}",${cappedJson(fields).slice(1, -1)}`;
  const own = sha256(covered);
  return { text: `${covered}${hashMarker}${own}"}\n`, head: { seq, hash: own } };
}

export const sha256 = (content: string | Buffer): string => hash('sha256', content, 'hex');

function cappedJson(fields: LineFields): string {
  const json = JSON.stringify(fields);
  // JSON shorter than the limit cannot contain a text above it.
  if (json.length <= maxTextLength) return json;
  return JSON.stringify(fields, (_, value: unknown) => (typeof value === 'string' ? capped(value) : value));
}

const capped = (text: string): string =>
  text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`;

/** Parses the bytes of one line, without its line feed. */
export function readLine(bytes: Buffer): IntactLine | FaultyLine {
  const start = /^\{"seq":([1-9]\d{0,15}),"prev":"([0-9a-f]{64})",/.exec(
    bytes.toString('latin1', 0, longestStart),
  );
  const end = /^,"hash":"([0-9a-f]{64})"\}$/.exec(
    bytes.toString('latin1', Math.max(0, bytes.length - endBytes)),
  );
  const [, seq = '', prev = ''] = start ?? [];
  const [, own = ''] = end ?? [];
  const claimed = start && end ? { claimed: { seq: Number(seq), hash: own } } : {};
  const fields = parsedObject(bytes);
  if (fields === undefined) return { fault: 'not-json', ...claimed };
  if (!start || !end) return { fault: 'malformed' };
  if (sha256(bytes.subarray(0, bytes.length - endBytes)) !== own)
    return { fault: 'hash-mismatch', ...claimed };
  // With a duplicate member name, the expressions above and a JSON parser would read different values.
  const same = fields['seq'] === Number(seq) && fields['prev'] === prev && fields['hash'] === own;
  return same ? { seq: Number(seq), prev, hash: own, fields } : { fault: 'malformed', ...claimed };
}

/** Whether the line directly follows `head`. */
export const follows = (line: IntactLine, head: Head): boolean =>
  line.seq === head.seq + 1 && line.prev === head.hash;

/**
 * Whether a piece without a line feed can be what remained of the line after `head` when a crash interrupted its write: it
 * starts as that line must start, and has no end. Zeros at its end are accepted, because a file system may extend a file
 * before it writes the data.
 */
export function isCutShort(piece: Buffer, head: Head): boolean {
  const zeros = piece.indexOf(0);
  if (zeros >= 0 && piece.subarray(zeros).some((byte) => byte !== 0)) return false;
  const written = zeros < 0 ? piece : piece.subarray(0, zeros);
  const start = `{"seq":${head.seq + 1},"prev":"${head.hash}",`;
  const length = Math.min(written.length, start.length);
  return (
    written.toString('latin1', 0, length) === start.slice(0, length) &&
    !/,"hash":"[0-9a-f]{64}"\}/.test(written.toString('latin1'))
  );
}

function parsedObject(bytes: Buffer): LineFields | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString());
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as LineFields)
      : undefined;
  } catch {
    return undefined;
  }
}
