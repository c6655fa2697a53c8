// The bodies of KMS's JSON protocol, written and read so that a plaintext data key never becomes a string: a string cannot be
// overwritten. Bodies that carry a plaintext belong to the caller, who wipes them.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
import { base64Length, digitsIn, readBase64, writeBase64 } from '../system/base64-bytes.js';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';

/** What KMS answers, as far as it is read; `Plaintext` is taken out before. */
export interface KmsAnswer {
  readonly KeyId?: unknown;
  readonly CiphertextBlob?: unknown;
}

export const generateBody = (KeyId: string, NumberOfBytes: number, context: EncryptionContext): Buffer =>
  bodyOf({ KeyId, NumberOfBytes, EncryptionContext: context });

/** Without a KMS key and a context, KMS decrypts with the key that the ciphertext names. */
export const decryptBody = (ciphertext: Uint8Array, KeyId?: string, context?: EncryptionContext): Buffer =>
  bodyOf({ KeyId, CiphertextBlob: base64Of(ciphertext), EncryptionContext: context });

/** Holds the key: wipe it when the call is over. */
export function encryptBody(KeyId: string, key: DataKey, context: EncryptionContext): Buffer {
  const head = Buffer.from(
    `${JSON.stringify({ KeyId, EncryptionContext: context }).slice(0, -1)},"Plaintext":"`,
  );
  const keyEnd = head.length + base64Length(key.length);
  const body = Buffer.alloc(keyEnd + 2);
  body.set(head);
  key.reveal((plaintext) => {
    writeBase64(plaintext, body.subarray(head.length, keyEnd));
  });
  body.write('"}', keyEnd);
  return body;
}

/** The members of an answer and its plaintext, if it has one, in memory of its own. Wipes `body`. */
export function readAnswer(body: Buffer): {
  readonly answer: KmsAnswer;
  readonly plaintext: Uint8Array | undefined;
} {
  const plaintext = cutOutPlaintext(body);
  try {
    const answer: unknown = JSON.parse(body.toString());
    return { answer: typeof answer === 'object' && answer !== null ? answer : {}, plaintext };
  } catch (error) {
    plaintext?.fill(0);
    throw error;
  } finally {
    body.fill(0);
  }
}

/** The bytes of a member in base64, or undefined when it is none. */
export const bytesOf = (member: unknown): Uint8Array | undefined =>
  typeof member === 'string' ? readBase64(Buffer.from(member)) : undefined;

const opening = Buffer.from('"Plaintext":"');
const quote = '"'.charCodeAt(0);
const zeroDigit = 'A'.charCodeAt(0);

/** The plaintext of an answer, in whose bytes it is zeros from now on; undefined where there is none, or not exactly one. */
export function cutOutPlaintext(body: Buffer): Uint8Array | undefined {
  const opens = body.indexOf(opening);
  const from = opens + opening.length;
  const to = body.indexOf(quote, from);
  if (opens < 0 || to < 0 || body.includes(opening, to)) return undefined;
  const text = body.subarray(from, to);
  const plaintext = readBase64(text);
  if (plaintext) text.fill(zeroDigit, 0, digitsIn(text));
  return plaintext;
}

const bodyOf = (message: object): Buffer => Buffer.from(JSON.stringify(message));

const base64Of = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');
