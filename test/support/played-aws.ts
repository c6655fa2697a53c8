// AWS as RKMS sees it: three regions' KMS and one DynamoDB, all played on the loopback interface, and the configuration
// that leads there.
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { startDynalite, type DynaliteServer } from './dynalite-server.js';
import { startKmsServer, type KmsServer } from './kms-server.js';

/** What the processes need to sign their requests. */
export const awsVariables = { AWS_ACCESS_KEY_ID: 'dummy', AWS_SECRET_ACCESS_KEY: 'dummy' };

/** How long one call to a region may take in the configuration below: silence must be quick, and a busy machine is no silence. */
export const attemptTimeoutMs = 400;

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

  /** The table `rkms` exists and is empty. */
  static async start(): Promise<PlayedAws> {
    const region = (name: string): Promise<KmsServer> => startKmsServer({ region: name });
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

  config({
    deployment = 'aws',
    folder = deployment,
    table = 'rkms',
    storeEndpoint,
    kmsKeys = [],
  }: AwsConfig = {}): string {
    const regions = this.regions.map(
      ({ region, alias, endpoint }, index) =>
        `[[regions]]\nname = "${region}"\nvault = "aws-kms"\nkms_key = "${kmsKeys[index] ?? alias}"\nendpoint = "${endpoint}"\n`,
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
