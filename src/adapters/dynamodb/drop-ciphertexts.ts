// The update that removes ciphertexts from an item. It is conditional on the revision that was read, so that it never undoes a
// concurrent write.
import type { Region } from '../../domain/ids.js';
import type { KeyRecord } from '../../domain/keys/key-record.js';
import { recordFormat } from '../../domain/keys/record-format.js';
import { itemKey } from './items.js';

/** `next` is the revision that the record will have. */
export function dropRequest(
  table: string,
  record: KeyRecord,
  regions: readonly Region[],
  next: number,
): object {
  const names = regions
    .filter((region) => record.ciphertexts.has(region))
    .map((region, index) => [`#r${index}`, region] as const);
  const removed = names.map(([name]) => `ciphertexts.${name}`).join(', ');
  return {
    TableName: table,
    Key: itemKey(record.id, record.version),
    UpdateExpression: `SET revision = :next${removed && ` REMOVE ${removed}`}`,
    ConditionExpression: 'revision = :expected AND commitment = :commitment AND #format = :format',
    ExpressionAttributeNames: { '#format': 'format', ...Object.fromEntries(names) },
    ExpressionAttributeValues: {
      ':next': { N: String(next) },
      ':expected': { N: String(record.revision) },
      ':commitment': { S: record.commitment },
      ':format': { N: String(recordFormat) },
    },
  };
}
