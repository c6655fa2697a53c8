// The UpdateItem request that adds and drops ciphertexts of a record: compare-and-set, so that it never overwrites a change
// of another process. DynamoDB refuses it unless revision, commitment and format are still those of the record that was read.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
import type { Region } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import { recordFormat } from '../../domain/keys/record-format.js';
import type { RegionalCiphertext } from '../../domain/keys/regional-ciphertext.js';
import { ciphertextValue, itemKey } from './items.js';

interface CiphertextChange {
  readonly added?: readonly RegionalCiphertext[];
  /** Regions without a ciphertext in the record are ignored. */
  readonly dropped?: readonly Region[];
}

/** `nextRevision` is the revision after the change. Regions are passed as names, because `-` is not allowed in a path. */
export function updateRequest(
  table: string,
  record: KeyRecord,
  nextRevision: number,
  { added = [], dropped = [] }: CiphertextChange,
): object {
  const present = dropped.filter((region) => record.ciphertexts.has(region));
  const sets = ['revision = :next', ...added.map((_, index) => `ciphertexts.#a${index} = :a${index}`)];
  const removes = present.map((_, index) => `ciphertexts.#d${index}`);
  return {
    TableName: table,
    Key: itemKey(record.id, record.version),
    UpdateExpression: `SET ${sets.join(', ')}${removes.length > 0 ? ` REMOVE ${removes.join(', ')}` : ''}`,
    ConditionExpression: 'revision = :expected AND commitment = :commitment AND #format = :format',
    ExpressionAttributeNames: {
      '#format': 'format',
      ...Object.fromEntries(added.map(({ region }, index) => [`#a${index}`, region])),
      ...Object.fromEntries(present.map((region, index) => [`#d${index}`, region])),
    },
    ExpressionAttributeValues: {
      ':next': { N: String(nextRevision) },
      ':expected': { N: String(record.revision) },
      ':commitment': { S: record.commitment },
      ':format': { N: String(recordFormat) },
      ...Object.fromEntries(added.map((ciphertext, index) => [`:a${index}`, ciphertextValue(ciphertext)])),
    },
  };
}
