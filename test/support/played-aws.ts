// AWS as RKMS sees it: three regions' KMS and one DynamoDB, all played on the loopback interface, and the configuration
// that leads there.
import { GetItemCommand, PutItemCommand, ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { startDynalite, type DynaliteServer } from './dynalite-server.js';
import { startKmsServer, type KmsServer } from './kms-server.js';
import type { Certificate } from './loopback-certificate.js';

/** What the processes need to sign their requests. */
export const awsVariables = { AWS_ACCESS_KEY_ID: 'dummy', AWS_SECRET_ACCESS_KEY: 'dummy' };

/** How long one call to a region may take in the configuration below: silence must be quick, and a busy machine is no silence. */
export const attemptTimeoutMs = 400;

/** A certificate needs a name to be for. */
const named = (endpoint: string): string => endpoint.replace('https://127.0.0.1', 'https://localhost');

export interface AwsConfig {
  readonly deployment?: string;
  readonly folder?: string;
  readonly table?: string;
  readonly storeEndpoint?: string;
  /** The KMS key of each region; the alias that exists unless another is named. */
  readonly kmsKeys?: readonly (string | undefined)[];
}

export class PlayedAws {
  private constructor(
    /** In the order of preference. */
    readonly regions: readonly [KmsServer, KmsServer, KmsServer],
    private readonly dynamo: DynaliteServer,
  ) {}

  /** The table `rkms` exists and is empty. With a certificate for `localhost`, KMS speaks TLS. */
  static async start(tls?: Certificate): Promise<PlayedAws> {
    const region = (name: string): Promise<KmsServer> =>
      startKmsServer({ region: name, ...(tls && { tls }) });
    const [regions, dynamo] = await Promise.all([
      Promise.all([region('us-east-1'), region('us-east-2'), region('us-west-2')]),
      startDynalite(),
    ]);
    await dynamo.createTable('rkms');
    return new PlayedAws(regions, dynamo);
  }

  createTable(name: string): Promise<void> {
    return this.dynamo.createTable(name);
  }

  /** The table as DynamoDB exports it to S3: an item a line, as DynamoDB JSON with bytes in base64. */
  async exported(TableName = 'rkms'): Promise<string> {
    const { Items = [] } = await this.dynamo.client().send(new ScanCommand({ TableName }));
    const toBase64 = (_: string, value: unknown): unknown =>
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
    return Items.map((Item) => `${JSON.stringify({ Item }, toBase64)}\n`).join('');
  }

  /** Writes an export into a table. */
  async restore(TableName: string, lines: string): Promise<void> {
    const fromBase64 = (name: string, value: unknown): unknown =>
      name === 'B' && typeof value === 'string' ? Buffer.from(value, 'base64') : value;
    for (const line of lines.trimEnd().split('\n')) {
      const { Item } = JSON.parse(line, fromBase64) as { readonly Item: Record<string, AttributeValue> };
      await this.dynamo.client().send(new PutItemCommand({ TableName, Item }));
    }
  }

  config({
    deployment = 'aws',
    folder = deployment,
    table = 'rkms',
    storeEndpoint,
    kmsKeys = [],
  }: AwsConfig = {}): string {
    const regions = this.regions.map(
      ({ region, alias, endpoint }, index) =>
        `[[regions]]\nname = "${region}"\nvault = "aws-kms"\nkms_key = "${kmsKeys[index] ?? alias}"\nendpoint = "${named(endpoint)}"\n`,
    );
    return [
      `deployment = "${deployment}"\ndata_dir = "./${folder}"\n`,
      '[server]\nrequest_timeout_ms = 10000\n',
      ...regions,
      `[store]\nkind = "dynamodb"\ntable = "${table}"\nregion = "us-east-1"\ntimeout_ms = 5000`,
      `endpoint = "${storeEndpoint ?? this.dynamo.endpoint}"\n`,
      `[kms]\nattempt_timeout_ms = ${attemptTimeoutMs}\n`,
      '[creation]\nburst = 1000\nper_day = 10000\n',
    ].join('\n');
  }

  /** Whether the table holds a record of this id. */
  async holds(id: string): Promise<boolean> {
    const Key = { id: { S: id }, version: { N: '1' } };
    const { Item } = await this.dynamo.client().send(new GetItemCommand({ TableName: 'rkms', Key }));
    return Item !== undefined;
  }

  /** Every region works again, and what was called is forgotten. */
  async heal(): Promise<void> {
    await Promise.all(this.regions.map((region) => region.heal()));
    for (const { calls } of this.regions) calls.length = 0;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.regions.map((region) => region.stop()), this.dynamo.stop()]);
  }
}
