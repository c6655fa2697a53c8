// Parses an item of the Go original: `id` (S), and `keys`, a map from region to ciphertext. A ciphertext is base64 text (S) or
// bytes (B), and `keys` may also be a list of such maps, because the original's code allows both.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { err, ok, Result } from 'neverthrow';
import type { SourceEntryUnreadable } from '../../domain/failures/key-failures.js';
import { parseRegion, type Region } from '../../domain/ids.js';
import { maxCiphertextBytes } from '../../domain/keys/regional-ciphertext.js';
import type { SourceCopies, SourceEntry } from '../../ports/key-source.js';

type Item = Record<string, AttributeValue>;
type Copy = readonly [Region, Uint8Array];

/** More than AWS has regions. Without a limit, one item could cause calls to any number of names. */
const maxCopies = 64;

/** An item without an id gives an unreadable entry with an empty id. */
export function entryOf(item: Item): SourceEntry {
  const id = item['id']?.S;
  if (id === undefined) return { id: '', copies: unreadable('id: not a string') };
  return { id, copies: copiesOf(item['keys']) };
}

/** Every region at most once: two different ciphertexts of one region could hold two different keys. */
function copiesOf(keys: AttributeValue | undefined): Result<SourceCopies, SourceEntryUnreadable> {
  const maps = keys?.L ?? (keys?.M ? [keys] : undefined);
  if (maps === undefined) return unreadable('keys: neither a map nor a list of maps');
  const pairs: [string, AttributeValue][] = [];
  for (const { M } of maps) {
    if (M === undefined) return unreadable('keys: a list with something other than maps');
    pairs.push(...Object.entries(M));
  }
  if (pairs.length === 0) return unreadable('keys: no region');
  if (pairs.length > maxCopies) return unreadable(`keys: more than ${maxCopies} regions`);
  return Result.combine(pairs.map(copyOf)).andThen((copies) => {
    const byRegion = new Map(copies);
    return byRegion.size === copies.length ? ok(byRegion) : unreadable('keys: a region twice');
  });
}

function copyOf([name, value]: [string, AttributeValue]): Result<Copy, SourceEntryUnreadable> {
  const region = parseRegion(name);
  if (region.isErr()) return unreadable('keys: an invalid region name');
  const bytes = value.B ?? (value.S === undefined ? undefined : fromBase64(value.S));
  if (bytes === undefined) return unreadable(`keys: ${region.value}: neither base64 nor binary`);
  if (bytes.length === 0 || bytes.length > maxCiphertextBytes) {
    return unreadable(`keys: ${region.value}: ${bytes.length} bytes`);
  }
  return ok([region.value, bytes]);
}

// Buffer.from ignores characters that are not base64, so the bytes are encoded again and compared with the text. Many tools break
// base64 into lines (RFC 2045).
function fromBase64(text: string): Uint8Array | undefined {
  const oneLine = text.replaceAll(/[\r\n]/g, '').trim();
  const bytes = Buffer.from(oneLine, 'base64');
  return bytes.toString('base64') === oneLine ? bytes : undefined;
}

const unreadable = (detail: string): Result<never, SourceEntryUnreadable> =>
  err({ kind: 'source.entry-unreadable', detail });
