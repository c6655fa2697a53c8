// `aws dynamodb ...` as pages show it, against the DynamoDB that tests play: `aws-stand-in.ts <endpoint> <prefix> dynamodb ...`.
// Options become the fields of the SDK's input, so that a misspelled one or a broken expression fails as it would on AWS. What
// one table on this machine cannot do (replicas, backups) is only read; each prefix has tables of its own.
import { DynamoDB, waitUntilTableExists } from '@aws-sdk/client-dynamodb';

const [endpoint = '', prefix = '', service = '', operation = '', ...options] = process.argv.slice(2);
// Of what else there is to ask AWS, only the form of the question is looked at.
if (
  /^(kms|sts|cloudtrail|service-quotas|cloudwatch)$/.test(service) &&
  /^(describe|get|list|lookup)-[a-z-]+$/.test(operation)
) {
  process.exit(0);
}
if (service !== 'dynamodb') throw new Error(`aws ${service} ${operation} is not played here`);

const pascal = (name: string): string =>
  name.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());

/** `AttributeName=id,AttributeType=S` */
const shorthand = (text: string): Record<string, string | boolean> =>
  Object.fromEntries(
    text.split(',').map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      return [name, value === 'true' ? true : value];
    }),
  );

const valueOf = (words: readonly string[]): unknown => {
  const [first = ''] = words;
  if (words.length === 0) return true;
  if (/^[[{]/.test(first)) return JSON.parse(first);
  const tables = words.filter((word) => /^\w+=/.test(word)).map(shorthand);
  if (tables.length !== words.length) return words.join(' ');
  return tables.length === 1 && !('AttributeName' in (tables[0] ?? {})) ? tables[0] : tables;
};

const input: Record<string, unknown> = {};
let region: unknown;
const [waitedFor] = operation === 'wait' ? options.splice(0, 1) : [];
for (let at = 0; at < options.length;) {
  const [, name] = /^--([a-z-]+)$/.exec(options[at] ?? '') ?? [];
  if (name === undefined) throw new Error(`"${options[at] ?? ''}" is no option`);
  let end = at + 1;
  while (end < options.length && options[end]?.startsWith('--') === false) end += 1;
  const value = valueOf(options.slice(at + 1, end));
  if (name === 'region') region = value;
  else if (name !== 'query' && name !== 'output') {
    const isNo = name.startsWith('no-');
    const field = pascal(isNo ? name.slice(3) : name);
    input[field.replace(/^MultiRegion/, 'MultiRegion')] = isNo ? false : value;
  }
  at = end;
}
if (typeof region !== 'string') throw new Error('no region is named');
const TableName = `${prefix}-${String(input['TableName'])}`;
const client = new DynamoDB({ region, endpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
const known: Record<string, (fields: never) => Promise<unknown>> = {
  'create-table': (fields) => client.createTable(fields),
  'describe-table': (fields) => client.describeTable(fields),
  'get-item': (fields) => client.getItem(fields),
  'update-item': (fields) => client.updateItem(fields),
  wait: () => waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1 }, { TableName }),
  'update-continuous-backups': () => client.describeTable({ TableName }),
  'update-table': () => client.describeTable({ TableName }),
};
/** What AWS takes and this machine does not. */
const unplayed = new Set(['DeletionProtectionEnabled']);
const fields = {
  ...Object.fromEntries(Object.entries(input).filter(([name]) => !unplayed.has(name))),
  TableName,
};
const act = known[operation];
if (act === undefined || (waitedFor !== undefined && waitedFor !== 'table-exists')) {
  throw new Error(`aws dynamodb ${operation} is not played here`);
}
const answer = (await act(fields as never)) as Record<string, unknown>;
delete answer['$metadata'];
process.stdout.write(`${JSON.stringify(answer, undefined, 4)}\n`);
