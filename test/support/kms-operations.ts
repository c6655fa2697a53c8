// The public half of a played KMS: the names a caller may give the key, the four operations, KMS's own errors.
// It must never know of HTTP or of injected faults: it answers as a healthy region would.
import { randomBytes } from 'node:crypto';
import { arnPrefix, open, parse, seal, type EncryptionContext, type KmsKey } from './kms-crypto.js';

/** The fields of a JSON object as they came over the wire: nothing is known of them yet. */
export type Fields = Readonly<Record<string, unknown>>;
/** The states of a key which DescribeKey can show. */
export type KeyState = 'Enabled' | 'Disabled' | 'PendingDeletion';
/** One request as the server read it. */
export interface KmsCall {
  readonly operation: string;
  readonly keyId: string | undefined;
  readonly context: EncryptionContext;
}
/** The state a key is in when an operation reaches it; the date is in epoch seconds. */
export interface KeyCondition {
  readonly state: KeyState;
  readonly deletionDate: number;
  readonly traits?: KeyTraits;
}
/** What KMS says of the key beyond its state; what is left out is as for a key that RKMS can use. */
export interface KeyTraits {
  readonly usage?: string;
  readonly spec?: string;
  readonly multiRegion?: boolean;
  readonly origin?: string;
  readonly rotated?: boolean;
}
/** An answer before it is put on the wire. */
export interface KmsAnswer {
  readonly status: number;
  readonly body: Fields;
}
/** An error as KMS answers it. */
export class KmsError extends Error {
  constructor(
    readonly type: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }

  /** The error as JSON 1.1 carries it. */
  get answer(): KmsAnswer {
    return { status: this.status, body: { __type: this.type, message: this.message } };
  }
}

const KEY_SPECS: ReadonlyMap<unknown, number> = new Map([
  ['AES_128', 16],
  ['AES_256', 32],
]);

const SYMMETRIC: Fields = {
  CreationDate: 1_700_000_000,
  Description: '',
  KeyUsage: 'ENCRYPT_DECRYPT',
  KeySpec: 'SYMMETRIC_DEFAULT',
  CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
  EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
  KeyManager: 'CUSTOMER',
  Origin: 'AWS_KMS',
  MultiRegion: false,
};

const invalid = (message: string): KmsError => new KmsError('ValidationException', message);
const notFound = (message: string): KmsError => new KmsError('NotFoundException', message);
const invalidCiphertext = (): KmsError => new KmsError('InvalidCiphertextException', '');
const incorrectKey = (): KmsError =>
  new KmsError('IncorrectKeyException', 'The key ID in the request does not identify the key of the blob.');

/** The fields of a request's body; undefined if it is not a JSON object. */
export function fieldsOf(body: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function contextOf(fields: Fields): EncryptionContext {
  const entries = Object.entries(fields['EncryptionContext'] ?? {});
  return Object.fromEntries(entries.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

/** What a request asks for, as far as it can be read: for looking at it, not for judging it. */
export function callOf(operation: string, fields: Fields = {}): KmsCall {
  const keyId = fields['KeyId'];
  return { operation, keyId: typeof keyId === 'string' ? keyId : undefined, context: contextOf(fields) };
}

function strictContext(fields: Fields): EncryptionContext {
  const context = contextOf(fields);
  if (Object.keys(context).length === Object.keys(fields['EncryptionContext'] ?? {}).length) return context;
  throw new KmsError('SerializationException', 'The encryption context must map text to text');
}

function bytesOf(fields: Fields, name: string, most: number): Buffer {
  const value = fields[name];
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  if (bytes.length >= 1 && bytes.length <= most) return bytes;
  throw invalid(`1 validation error detected: '${name}' must have a length between 1 and ${most}`);
}

// The ARN meant by a key id, `alias/...`, key ARN or alias ARN. Any key of this region and account may exist as
// far as names go, so that Decrypt can tell another key (IncorrectKeyException) from no key (NotFoundException).
function arnMeant(key: KmsKey, name: unknown): string {
  if (typeof name !== 'string' || name === '') throw invalid("1 validation error detected: no 'KeyId'");
  const prefix = arnPrefix(key);
  const path = name.startsWith('alias/') ? name : `key/${name}`;
  const full = name.startsWith('arn:') ? name : `${prefix}${path}`;
  if (full === `${prefix}${key.alias}`) return key.arn;
  if (full.startsWith(`${prefix}key/`)) return full;
  throw notFound(full.includes(':alias/') ? `Alias ${full} is not found.` : `Invalid arn ${full}`);
}

function requireOwn(key: KmsKey, arn: string): void {
  if (arn !== key.arn) throw notFound(`Key '${arn}' does not exist`);
}

function dataKeyLength(fields: Fields): number {
  const [spec, count] = [fields['KeySpec'], fields['NumberOfBytes']];
  if ((spec === undefined) === (count === undefined)) {
    throw invalid('Please specify either number of bytes or key spec.');
  }
  const length = spec === undefined ? count : KEY_SPECS.get(spec);
  if (typeof length === 'number' && Number.isInteger(length) && length >= 1 && length <= 1024) return length;
  throw invalid("1 validation error detected: 'NumberOfBytes' is not in 1..1024, or 'KeySpec' is unknown");
}

type Operation = (key: KmsKey, fields: Fields, condition: KeyCondition) => Fields;

const generateDataKey: Operation = (key, fields) => {
  requireOwn(key, arnMeant(key, fields['KeyId']));
  const plaintext = randomBytes(dataKeyLength(fields));
  const blob = seal(key, plaintext, strictContext(fields));
  return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), CiphertextBlob: blob.toString('base64') };
};

const encrypt: Operation = (key, fields) => {
  requireOwn(key, arnMeant(key, fields['KeyId']));
  const blob = seal(key, bytesOf(fields, 'Plaintext', 4096), strictContext(fields));
  return {
    KeyId: key.arn,
    CiphertextBlob: blob.toString('base64'),
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  };
};

const decrypt: Operation = (key, fields) => {
  const sealed = parse(bytesOf(fields, 'CiphertextBlob', 6144));
  if (!sealed?.arn.startsWith(arnPrefix(key))) throw invalidCiphertext();
  const wanted = fields['KeyId'] === undefined ? sealed.arn : arnMeant(key, fields['KeyId']);
  if (wanted !== sealed.arn) throw incorrectKey();
  requireOwn(key, sealed.arn);
  const plaintext = open(key, sealed, strictContext(fields));
  if (plaintext === undefined) throw invalidCiphertext();
  return {
    KeyId: key.arn,
    Plaintext: plaintext.toString('base64'),
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  };
};

const describeKey: Operation = (key, fields, { state, deletionDate, traits = {} }) => {
  requireOwn(key, arnMeant(key, fields['KeyId']));
  const names = { AWSAccountId: key.account, KeyId: key.keyId, Arn: key.arn };
  const deletion = state === 'PendingDeletion' ? { DeletionDate: deletionDate } : {};
  const shown = {
    ...(traits.usage === undefined ? {} : { KeyUsage: traits.usage }),
    ...(traits.spec === undefined ? {} : { KeySpec: traits.spec }),
    ...(traits.multiRegion === undefined ? {} : { MultiRegion: traits.multiRegion }),
    ...(traits.origin === undefined ? {} : { Origin: traits.origin }),
  };
  return {
    KeyMetadata: {
      ...SYMMETRIC,
      ...shown,
      ...names,
      ...deletion,
      Enabled: state === 'Enabled',
      KeyState: state,
    },
  };
};

const getKeyRotationStatus: Operation = (key, fields, { traits = {} }) => {
  requireOwn(key, arnMeant(key, fields['KeyId']));
  return { KeyId: key.arn, KeyRotationEnabled: traits.rotated ?? true };
};

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['GenerateDataKey', generateDataKey],
  ['Encrypt', encrypt],
  ['Decrypt', decrypt],
  ['DescribeKey', describeKey],
  ['GetKeyRotationStatus', getKeyRotationStatus],
]);

/** Does what one request asks of the key, and answers as KMS would; fields are undefined if it was not JSON. */
export function perform(
  key: KmsKey,
  operation: string,
  fields: Fields | undefined,
  condition: KeyCondition,
): KmsAnswer {
  const act = OPERATIONS.get(operation);
  if (act === undefined) return new KmsError('UnknownOperationException', '').answer;
  if (fields === undefined) return new KmsError('SerializationException', '').answer;
  try {
    return { status: 200, body: act(key, fields, condition) };
  } catch (error) {
    if (error instanceof KmsError) return error.answer;
    throw error;
  }
}
