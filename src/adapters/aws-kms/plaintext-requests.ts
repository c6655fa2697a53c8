// Keeps a data key that KMS is to encrypt out of the texts that the SDK makes: the SDK gets zeros of the same length, and
// the key is written as base64 into the bytes of the request, which are overwritten when the request is over.
import { EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import type { DataKey } from '../../domain/keys/data-key.js';
import type { EncryptionContext } from '../../domain/keys/encryption-context.js';
import { base64Length, writeBase64 } from '../system/base64-bytes.js';

/** :: input of a command -> the key that its zeros stand for; the key is its owner's, and alive until the call is over */
const meant = new WeakMap<object, DataKey>();

/** Encrypts `key`; to be sent by a client that `keepPlaintextsOutOfRequests` was called for. */
export function encryptCommand(KeyId: string, key: DataKey, context: EncryptionContext): EncryptCommand {
  const zeros = new Uint8Array(key.length);
  const command = new EncryptCommand({ KeyId, Plaintext: zeros, EncryptionContext: { ...context } });
  meant.set(command.input, key);
  return command;
}

/** From now on the client's requests carry the keys of their commands. */
export function keepPlaintextsOutOfRequests(client: KMSClient): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const key = meant.get(args.input);
      if (key === undefined) return next(args);
      const request = args.request as { body?: unknown };
      const body = withKey(request.body, key);
      request.body = body;
      try {
        return await next(args);
      } finally {
        body.fill(0);
      }
    },
    // Low is after the SDK's own writing, and before the signature, which covers the body.
    { step: 'serialize', priority: 'low', name: 'writePlaintext' },
  );
}

/** A copy of the body, in memory of its own, with the key where the zeros were. */
function withKey(zeroed: unknown, key: DataKey): Buffer {
  const body = Buffer.from(new Uint8Array(bytesOf(zeroed)).buffer);
  const zeros = Buffer.from(`"Plaintext":"${Buffer.alloc(key.length).toString('base64')}"`);
  const at = body.indexOf(zeros);
  if (at < 0 || body.includes(zeros, at + 1)) throw new Error('the SDK writes plaintexts in another way');
  const from = at + '"Plaintext":"'.length;
  key.reveal((plaintext) => {
    writeBase64(plaintext, body.subarray(from, from + base64Length(plaintext.length)));
  });
  return body;
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (typeof body === 'string') return Buffer.from(body);
  throw new Error('the SDK writes bodies in another way');
}
