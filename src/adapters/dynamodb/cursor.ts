// Where a scan of the table continues: DynamoDB's last evaluated key as opaque text.
import { itemKey, type Item } from './items.js';

export const encodeCursor = (key: Item): string =>
  Buffer.from(JSON.stringify([key['id']?.S, Number(key['version']?.N)])).toString('base64url');

/** Takes only what `encodeCursor` made; anything else is a bug and throws. */
export function decodeCursor(cursor: string): Item {
  const [id, version] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string, number];
  return itemKey(id, version);
}
