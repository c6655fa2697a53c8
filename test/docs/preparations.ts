// What readers of single pages have that others have not: a configuration from the page itself, or something that has
// happened before. Everything else is the same for every page.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CreateTableCommand,
  ListTablesCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
  waitUntilTableExists,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { embeddedConfig } from '../support/served-process.js';
import type { Block } from './pages.js';
import type { Stage, StageOptions } from './stage.js';

export interface Preparation extends Partial<Pick<StageOptions, 'toml' | 'initialises'>> {
  /** Pages of one name are read one after the other, in the same folder and shell. */
  readonly stage?: string;
  /** Exit codes that are good besides 0: a search that finds nothing ends with 1. */
  readonly goodCodes?: readonly number[];
  /** Runs before each block of the page. */
  readonly before?: (block: Block, stage: Stage) => Promise<void>;
}

/** The configuration that a page shows, by its place among those of the page. */
function tomlOf(page: string, place = 0): string {
  const shown = [...readFileSync(page, 'utf8').matchAll(/```toml\n([^]*?)```/g)][place]?.[1];
  if (shown === undefined) throw new Error(`${page} shows no configuration number ${place + 1}`);
  return shown;
}

const keys = ['orders/7', 'orders/8', 'orders/9'];

/** Three keys on AWS. */
async function makeKeys(stage: Stage): Promise<void> {
  await stage.sh('rkms token create --config aws.toml --caller app --allow read,create > app-token');
  await stage.serve('aws.toml');
  for (const id of keys) {
    await stage.sh(`curl -H "Authorization: Bearer $(cat app-token)" 'http://127.0.0.1:8080/key?id=${id}'`);
  }
}

/** One copy is missing, another one is damaged. */
async function damage(stage: Stage): Promise<void> {
  const { client, table: TableName } = await stage.dynamo();
  const { Items = [] } = await client.send(new ScanCommand({ TableName }));
  for (const item of Items) {
    const Key = { id: item['id'] ?? { S: '' }, version: item['version'] ?? { N: '1' } };
    const change = (expression: string, values?: Record<string, AttributeValue>): Promise<unknown> =>
      client.send(
        new UpdateItemCommand({
          TableName,
          Key,
          UpdateExpression: expression,
          ExpressionAttributeNames: { '#c': 'ciphertexts', '#r': 'us-east-1' },
          ...(values && { ExpressionAttributeValues: values }),
        }),
      );
    if (Key.id.S === keys[0]) await change('REMOVE #c.#r');
    const copy = item['ciphertexts']?.M?.['us-east-1']?.M;
    if (Key.id.S === keys[1] && copy !== undefined) {
      await change('SET #c.#r = :broken', { ':broken': { M: { ...copy, bytes: { B: Buffer.alloc(64) } } } });
    }
  }
}

/** A table of the Go original with one key. */
async function makeSource(stage: Stage): Promise<void> {
  const { client, endpoint } = await stage.dynamo();
  const TableName = 'rkms_keys';
  stage.replace(`--from-table ${TableName}`, `--from-table ${TableName} --from-endpoint ${endpoint}`);
  const { TableNames = [] } = await client.send(new ListTablesCommand({}));
  if (!TableNames.includes(TableName)) {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
  }
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
  const copies = { M: await stage.sealed(Buffer.alloc(32, 7)) };
  await client.send(new PutItemCommand({ TableName, Item: { id: { S: 'orders/1' }, keys: copies } }));
}

/** What an operator finds on the machine of an instance; its tools are not RKMS's to prove. */
const onCall: Preparation = {
  stage: 'runbooks',
  goodCodes: [1],
  before: async ({ page }, stage) => {
    if (page === 'docs/runbooks/README.md') {
      stage.lab.write('rkms.log', '');
      for (const tool of ['iostat', 'timedatectl', 'top', 'pgrep', 'ss', 'systemctl', 'journalctl']) {
        stage.program(tool, 'exit 0');
      }
      stage.replace('TOKEN=...', 'TOKEN="$(cat data/token)"');
      stage.replace('/var/log/rkms.log', 'rkms.log');
      stage.replace('/var/lib/rkms', 'data');
      stage.replace('/etc/rkms/cert.pem', resolve('test/support/fixtures/tls-test-cert.pem'));
      stage.replace('https://kms.us-east-1.amazonaws.com/ping', 'http://127.0.0.1:8080/livez');
      await stage.serve();
    }
  },
};

/** Of a page; the runbooks are one. */
export const preparationOf = (page: string): Preparation =>
  page.startsWith('docs/runbooks/') ? onCall : (preparations[page] ?? {});

const preparations: Readonly<Record<string, Preparation>> = {
  'docs/access.md': {
    toml: tomlOf('docs/access.md'),
    before: async ({ language }, stage) => {
      if (language === 'console')
        await stage.sh("rkms token create --caller billing --allow read --ids 'billing/*' >token");
    },
  },
  'docs/audit.md': {
    before: async ({ language, text }, stage) => {
      const ask = `curl -H "Authorization: Bearer $(cat data/token)" 'http://127.0.0.1:8080/key?id=orders/7'`;
      if (language === 'json') await stage.sh(`${ask}\n${ask}`);
      if (text.includes('cat anchor')) {
        await stage.sh(
          `tail -n 1 data/audit.jsonl | sed 's/^{"seq":\\([0-9]*\\),.*"hash":"\\([0-9a-f]*\\)"}$/\\1:\\2/' >anchor`,
        );
      }
      if (text.includes('audit*.jsonl')) await stage.sh('cp data/audit*.jsonl .');
    },
  },
  'docs/authentication.md': {
    before: ({ text }, stage) => {
      if (text.includes('-subj')) {
        const toml = tomlOf('docs/authentication.md', text.includes('/CN=rkms') ? 0 : 1);
        stage.lab.write('rkms.toml', `${embeddedConfig('./data')}\n${toml.replaceAll('/etc/rkms/', '')}`);
        stage.lab.write('revoked', '');
      }
      return Promise.resolve();
    },
  },
  'docs/cli.md': {
    initialises: false,
    before: async ({ text }, stage) => {
      const ask = `curl -H "Authorization: Bearer $(cat data/token)" 'http://127.0.0.1:8080/key?id=orders/7'`;
      if (text.includes('rkms serve')) await stage.sh(ask);
      if (text.includes('rkms_keys')) await makeSource(stage);
    },
  },
  'docs/doctor.md': {
    // Warnings of the machine that the tests run on are none of the page's.
    goodCodes: [4],
    before: async (_, stage) => {
      stage.lab.write('rkms.toml', embeddedConfig('./data'));
      stage.replace('/etc/rkms.toml', 'rkms.toml');
      await stage.serve('rkms.toml');
    },
  },
  'docs/import.md': { before: (_, stage) => makeSource(stage) },
  'docs/recovery.md': {
    before: async ({ language, text }, stage) => {
      if (text.includes('rkms verify')) await makeKeys(stage);
      if (language === 'text') await damage(stage);
      if (text.includes('sqlite3')) await stage.serve();
      // What is left to do is an exit code of its own; here all was done before.
      if (text.includes('rkms repair')) await stage.output('rkms repair --config aws.toml');
    },
  },
  'docs/stores.md': {
    before: async ({ text }, stage) => {
      if (!text.includes('_rkms/genesis')) return;
      const { client, table } = await stage.dynamo();
      const genesis = { id: { S: '_rkms/genesis' }, version: { N: '0' }, deployment: { S: 'production' } };
      const writes = text.includes('attribute_not_exists(writes)') ? {} : { writes: { S: 'us-east-1' } };
      await client.send(new PutItemCommand({ TableName: `${table}-rkms`, Item: { ...genesis, ...writes } }));
    },
  },
};
