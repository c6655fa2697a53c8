// What an item of the Go original looks like: `id` (S), and `keys`, a map from region to its ciphertext. Ciphertexts are
// base64 text (S), or bytes (B); in place of one map there may be a list of maps, as the original's code has them.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { err, ok, Result } from 'neverthrow';
import type { SourceEntryUnreadable } from '../../domain/failures/key-failures.js';
import { parseRegion, type Region } from '../../domain/ids.js';
import { maxCiphertextBytes } from '../../domain/keys/regional-ciphertext.js';
import type { SourceCopies, SourceEntry } from '../../ports/key-source.js';

type Item = Record<string, AttributeValue>;
type Copy = readonly [Region, Uint8Array];

/** More than there are regions: whoever fills a table must not make us call everywhere. */
const mostCopies = 64;

/** The entry under its own id; an item without one is unreadable, too. */
export function entryOf(item: Item): SourceEntry {
  const id = item['id']?.S;
  if (id === undefined) return { id: '', copies: unreadable('id: not a text') };
  return { id, copies: copiesOf(item['keys']) };
}

function copiesOf(keys: AttributeValue | undefined): Result<SourceCopies, SourceEntryUnreadable> {
  const maps = keys?.L ?? (keys?.M ? [keys] : undefined);
  if (maps === undefined) return unreadable('keys: neither a map nor a list of maps');
  const pairs: [string, AttributeValue][] = [];
  for (const { M } of maps) {
    if (M === undefined) return unreadable('keys: a list of something else than maps');
    pairs.push(...Object.entries(M));
  }
  if (pairs.length === 0) return unreadable('keys: no region');
  if (pairs.length > mostCopies) return unreadable(`keys: more than ${mostCopies} regions`);
  return Result.combine(pairs.map(copyOf)).andThen((copies) => {
    const byRegion = new Map(copies);
    return byRegion.size === copies.length ? ok(byRegion) : unreadable('keys: a region twice');
  });
}

function copyOf([name, value]: [string, AttributeValue]): Result<Copy, SourceEntryUnreadable> {
  const region = parseRegion(name);
  if (region.isErr()) return unreadable('keys: a name that is no region');
  const bytes = value.B ?? (value.S === undefined ? undefined : fromBase64(value.S));
  if (bytes === undefined) return unreadable(`keys: ${region.value}: neither base64 nor binary`);
  if (bytes.length === 0 || bytes.length > maxCiphertextBytes) {
    return unreadable(`keys: ${region.value}: ${bytes.length} bytes`);
  }
  return ok([region.value, bytes]);
}

// Buffer.from passes over what is not base64; what comes back must be what went in.
function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text.trim() ? bytes : undefined;
}

const unreadable = (detail: string): Result<never, SourceEntryUnreadable> =>
  err({ kind: 'source.entry-unreadable', detail });
