// Between the fields of a record and the attributes of an item: ids and text as S, numbers as N, ciphertexts as a map
// from region to its KMS key (S) and bytes (B). The genesis record lives in the same table under an id that no key can have.
import { err, ok, type Result } from 'neverthrow';
import type { KeyUnreadable } from '../../domain/failures/store-failures.js';
import type { Genesis } from '../../domain/keys/genesis.js';
import { parseDeployment, parseRegion } from '../../domain/ids.js';
import { readBase64 } from '../system/base64-bytes.js';
import type { CiphertextFields, RecordFields, UntrustedFields } from '../../domain/keys/record-format.js';

/** An attribute in DynamoDB's JSON, of the types that RKMS stores; `N` is a decimal number, `B` base64. */
export interface AttributeValue {
  readonly S?: string;
  readonly N?: string;
  readonly B?: string;
  readonly M?: Item;
}

/** An item of the table. :: attribute name -> value */
export type Item = Readonly<Record<string, AttributeValue>>;

const n = (value: number): AttributeValue => ({ N: String(value) });
const numberOf = (value: AttributeValue | undefined): number | undefined =>
  value?.N === undefined ? undefined : Number(value.N);

export const itemKey = (id: string, version: number): Item => ({ id: { S: id }, version: n(version) });

export function itemOf({ ciphertexts, ...fields }: RecordFields): Item {
  return {
    ...itemKey(fields.id, fields.version),
    format: n(fields.format),
    commitment: { S: fields.commitment },
    createdAtMs: n(fields.createdAtMs),
    revision: n(fields.revision),
    ciphertexts: { M: Object.fromEntries(ciphertexts.map((each) => [each.region, ciphertextValue(each)])) },
  };
}

/** One entry of the map `ciphertexts`. */
export const ciphertextValue = ({ kmsKey, bytes }: Omit<CiphertextFields, 'region'>): AttributeValue => ({
  M: { kmsKey: { S: kmsKey }, bytes: { B: Buffer.from(bytes).toString('base64') } },
});

/** Attributes of an unexpected type become undefined, which the record format refuses. */
export function fieldsOf(item: Item): UntrustedFields {
  const ciphertexts = item['ciphertexts']?.M;
  return {
    format: numberOf(item['format']),
    id: item['id']?.S,
    version: numberOf(item['version']),
    commitment: item['commitment']?.S,
    createdAtMs: numberOf(item['createdAtMs']),
    revision: numberOf(item['revision']),
    ciphertexts:
      ciphertexts &&
      Object.entries(ciphertexts).map(([region, { M }]) => ({
        region,
        kmsKey: M?.['kmsKey']?.S,
        bytes: bytesOf(M?.['bytes']?.B),
      })),
  };
}

const bytesOf = (base64: unknown): Uint8Array | undefined =>
  typeof base64 === 'string' ? readBase64(Buffer.from(base64)) : undefined;

/** Ids of keys start with a letter or digit; this one cannot collide with any. */
export const genesisKey = itemKey('_rkms/genesis', 0);

export const isGenesis = (item: Item): boolean => item['id']?.S === genesisKey['id']?.S;

export const genesisItem = ({ deployment, createdAtMs, writes }: Genesis): Item => ({
  ...genesisKey,
  deployment: { S: deployment },
  createdAtMs: n(createdAtMs),
  ...(writes === undefined ? {} : { writes: { S: writes } }),
});

export function genesisOf(item: Item): Result<Genesis, KeyUnreadable> {
  const deployment = parseDeployment(item['deployment']?.S ?? '');
  const createdAtMs = numberOf(item['createdAtMs']);
  if (deployment.isErr() || createdAtMs === undefined) return brokenGenesis;
  const facts = { deployment: deployment.value, createdAtMs };
  if (item['writes'] === undefined) return ok(facts);
  const writes = parseRegion(item['writes'].S ?? '');
  return writes.isOk() ? ok({ ...facts, writes: writes.value }) : brokenGenesis;
}

const brokenGenesis: Result<Genesis, KeyUnreadable> = err({
  kind: 'key.unreadable',
  reason: 'broken',
  detail: 'genesis record',
});

/** The key of a scan's last item (`LastEvaluatedKey`) as opaque text: where the next page starts. */
export const encodeCursor = (key: Item): string =>
  Buffer.from(JSON.stringify([key['id']?.S, Number(key['version']?.N)])).toString('base64url');

/** Takes only texts from `encodeCursor`; anything else is a bug and throws. */
export function decodeCursor(cursor: string): Item {
  const [id, version] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, number];
  return itemKey(id, version);
}
