// What AWS says of a table, and what is made of its silence.
import { afterEach, describe, expect, it } from '@jest/globals';
import { err, ok } from 'neverthrow';
import { describeTable, hasPointInTimeRecovery } from '../../../src/adapters/dynamodb/describe-table.js';
import { isDenied } from '../../../src/adapters/dynamodb/dynamodb-failures.js';
import { dynamoClient } from '../../support/dynalite-server.js';
import { withoutCause } from '../../support/failures-without-cause.js';
import { Leftovers } from '../../support/leftovers.js';
import { awsError, startScriptedAws, type AwsReply } from '../../support/scripted-aws.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());
const patience = (): AbortSignal => new AbortController().signal;

async function asked(reply: AwsReply): Promise<readonly [unknown, unknown]> {
  const aws = await startScriptedAws(() => reply);
  leftovers.add(() => aws.stop());
  const client = dynamoClient(aws.endpoint);
  leftovers.add(() => {
    client.destroy();
  });
  return [
    withoutCause(await describeTable(client, 'rkms', patience())),
    withoutCause(await hasPointInTimeRecovery(client, 'rkms', patience())),
  ];
}

const table = (fields: object): AwsReply => ({ status: 200, body: JSON.stringify({ Table: fields }) });
const keys = (partition: string, sort?: string): object => ({
  AttributeDefinitions: [partition, sort ?? ''].map((key) => ({
    AttributeName: key.split(' ')[0],
    AttributeType: key.split(' ')[1],
  })),
  KeySchema: [
    { AttributeName: partition.split(' ')[0], KeyType: 'HASH' },
    ...(sort === undefined ? [] : [{ AttributeName: sort.split(' ')[0], KeyType: 'RANGE' }]),
  ],
});

describe('a table', () => {
  it('is described with its state, consistency, replicas and deletion protection', async () => {
    const described = table({
      ...keys('id S', 'version N'),
      TableStatus: 'ACTIVE',
      MultiRegionConsistency: 'STRONG',
      Replicas: [{ RegionName: 'us-east-2' }, {}],
      DeletionProtectionEnabled: true,
    });
    const facts = {
      status: 'ACTIVE',
      hasRightKeys: true,
      isStrong: true,
      replicas: ['us-east-2'],
      isDeletionProtected: true,
    };
    expect((await asked(described))[0]).toEqual(ok(facts));
  });

  it('with a minimal description counts as unprotected and in one region', async () => {
    const facts = {
      status: 'unknown',
      hasRightKeys: false,
      isStrong: false,
      replicas: [],
      isDeletionProtected: false,
    };
    expect((await asked(table({ MultiRegionConsistency: 'EVENTUAL' })))[0]).toEqual(ok(facts));
  });

  it.each([
    ['id S', 'version N', true],
    ['id S', 'version S', false],
    ['id N', 'version N', false],
    ['key S', 'version N', false],
    ['id S', undefined, false],
  ] as const)('with the keys %s and %s has the right ones: %s', async (partition, sort, hasRightKeys) => {
    expect((await asked(table(keys(partition, sort))))[0]).toMatchObject({ value: { hasRightKeys } });
  });

  it.each([
    ['ENABLED', true],
    ['DISABLED', false],
    [undefined, false],
  ])('whose point-in-time recovery is %s has it: %s', async (status, expected) => {
    const recovery = { PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: status } };
    const body = JSON.stringify({ ContinuousBackupsDescription: recovery });
    expect((await asked({ status: 200, body }))[1]).toEqual(ok(expected));
  });
});

describe('a question', () => {
  it.each(['AccessDeniedException', 'AccessDenied', 'UnknownOperationException'])(
    'that is answered with %s tells nothing, and is no failure (I9)',
    async (name) => {
      expect(await asked(awsError(name))).toEqual([ok(undefined), ok(undefined)]);
    },
  );

  it.each([
    [awsError('ResourceNotFoundException'), { kind: 'store.misconfigured', detail: expect.any(String) }],
    [awsError('ThrottlingException'), { kind: 'store.throttled' }],
    [awsError('InternalServerError', 500), { kind: 'store.unavailable', reason: 'server-error' }],
    ['reset', { kind: 'store.unavailable', reason: 'reset' }],
  ] as const)('that fails tells how: %j', async (reply, failure) => {
    expect(await asked(reply)).toEqual([err(failure), err(failure)]);
  });

  it('is denied only by an AWS error with that name', () => {
    expect([{ name: 'AccessDenied' }, new Error('AccessDenied'), undefined].map(isDenied)).toEqual([
      false,
      false,
      false,
    ]);
    expect(isDenied(Object.assign(new Error('no'), { name: 'AccessDeniedException' }))).toBe(true);
  });
});
