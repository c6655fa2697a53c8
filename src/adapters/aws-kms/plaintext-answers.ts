// Takes plaintexts out of the bytes of KMS's answers before the SDK makes text of them: text cannot be overwritten. An answer
// that is not written as expected is left to the SDK, whose outcome is the same but for what stays in memory.
import type { DecryptCommandOutput, KMSClient } from '@aws-sdk/client-kms';
import { digitsIn, readBase64 } from '../system/base64-bytes.js';

interface RawAnswer {
  readonly statusCode?: number;
  body?: unknown;
}

const opening = Buffer.from('"Plaintext":"');
const quote = '"'.charCodeAt(0);
const zeroDigit = 'A'.charCodeAt(0);

/** From now on the client's `Plaintext`s are bytes that nobody else holds. */
export function keepPlaintextsFromText(client: KMSClient): void {
  const taken = new WeakMap<object, Uint8Array>();
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const plaintext = await takePlaintext(answer.response as RawAnswer);
      if (plaintext) taken.set(args.request as object, plaintext);
      return answer;
    },
    // Low is next to the network, high around the SDK's own reading of the answer.
    { step: 'deserialize', priority: 'low', name: 'takePlaintext' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        const answer = await next(args);
        const plaintext = taken.get(args.request as object);
        if (plaintext) (answer.output as Partial<DecryptCommandOutput>).Plaintext = plaintext;
        return answer;
      } catch (cause) {
        taken.get(args.request as object)?.fill(0);
        throw cause;
      }
    },
    { step: 'deserialize', priority: 'high', name: 'givePlaintext' },
  );
}

/** Replaces the answer's body by one whose plaintext is zeros, and answers with the real one. */
async function takePlaintext(answer: RawAnswer): Promise<Uint8Array | undefined> {
  if (answer.statusCode !== 200 || !isStream(answer.body)) return undefined;
  const body = await wholeOf(answer.body);
  answer.body = body;
  return cutOut(body);
}

/** In memory of its own. The pieces are overwritten, also those of an answer whose end never comes. */
async function wholeOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of stream) pieces.push(piece);
    const body = Buffer.from(new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0)).buffer);
    let at = 0;
    for (const piece of pieces) {
      body.set(piece, at);
      at += piece.length;
    }
    return body;
  } finally {
    for (const piece of pieces) piece.fill(0);
  }
}

const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

/** The plaintext of an answer, in whose bytes it is zeros from now on; undefined, and nothing changed, where none is found. */
export function cutOut(body: Buffer): Uint8Array | undefined {
  const opens = body.indexOf(opening);
  const from = opens + opening.length;
  const to = body.indexOf(quote, from);
  // Two of them, and one could not tell which one is meant.
  if (opens < 0 || to < 0 || body.includes(opening, to)) return undefined;
  const text = body.subarray(from, to);
  const plaintext = readBase64(text);
  if (plaintext) text.fill(zeroDigit, 0, digitsIn(text));
  return plaintext;
}
