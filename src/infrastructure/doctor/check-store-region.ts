// The DynamoDB table in one region: the connection, each permission (used without writing anything), and the latency.
// Whether the table suits its mode is decided in assess-tables.ts, when all regions have answered.
import type { DynamoDbReplica } from '../wiring/store-bindings.js';
import { mayPut, mayUpdate } from '../../adapters/dynamodb/probe-write-permission.js';
import type { StoreWriteFailure } from '../../domain/failures/store-failures.js';
import type { Result } from 'neverthrow';
import { inspectTable } from '../checks/inspect-table.js';
import type { DynamoDbConfig } from '../config/config.js';
import type { InspectedTable } from '../checks/assess-tables.js';
import { endpointOf, type RegionalClients } from '../../adapters/aws/regional-clients.js';
import { checkConnection } from './check-connection.js';
import { credentialsBy, lacksCredentials, type CredentialsReport } from './check-credentials.js';
import type { Examination } from './examination.js';
import { storeWords } from './remedies.js';
import { Subject, type Finding } from '../checks/finding.js';

export interface StoreRegionReport {
  readonly findings: readonly Finding[];
  /** Undefined when the region could not be reached. */
  readonly table?: InspectedTable;
  readonly credentials?: CredentialsReport;
  readonly aheadMs?: number | undefined;
}

export const storeSubject = (region: string): Subject => new Subject(`store ${region}`);

export async function checkStoreRegion(
  replica: DynamoDbReplica,
  store: DynamoDbConfig,
  aws: RegionalClients,
  examination: Examination,
): Promise<StoreRegionReport> {
  const { config, machine, limitMs } = examination;
  const { region } = replica;
  const endpoint = replica.connection.endpoint ?? endpointOf('dynamodb', region);
  const subject = storeSubject(region);
  const signal = AbortSignal.timeout(limitMs);
  const settings = { connectTimeoutMs: config.kms.connect_timeout_ms, limitMs };
  const connection = await checkConnection(subject, new URL(endpoint), machine, settings, signal);
  const { findings, aheadMs } = connection;
  if (!connection.isThere) return { findings };
  const table = await inspectTable(replica, store.table, aws, signal);
  if (table.failure?.kind === 'credentials.invalid') {
    const credentials = credentialsBy(`DynamoDB in ${region}`, table.failure);
    return { findings: [...findings, lacksCredentials(subject, 'GetItem')], table, aheadMs, credentials };
  }
  if (table.failure !== undefined) {
    const { found, hint } = storeWords(table.failure, 'dynamodb:GetItem', limitMs);
    const broken = subject.broken('GetItem', `${found}; nothing else could be checked`, hint);
    return { findings: [...findings, broken], table, aheadMs };
  }
  const rights = await checkRights(subject, replica, store, examination, signal);
  const speed = await checkLatency(subject, replica, store, signal);
  return { findings: [...findings, ...rights, ...speed], table, aheadMs, credentials: 'accepted' };
}

async function checkRights(
  subject: Subject,
  { transport, region, repository }: DynamoDbReplica,
  store: DynamoDbConfig,
  { readsOnly, limitMs }: Examination,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const isWritten = store.mode.kind !== 'home' || store.mode.home === region;
  const [put, update, page] = await Promise.all([
    isWritten ? mayPut(transport, store.table, signal) : undefined,
    isWritten ? mayUpdate(transport, store.table, signal) : undefined,
    repository.page(undefined, 1, signal),
  ]);
  const scan: Result<void, StoreWriteFailure> = page.map(() => undefined);
  const words = (outcome: Result<void, StoreWriteFailure>, check: string): ReturnType<typeof storeWords> =>
    outcome.isErr() ? storeWords(outcome.error, `dynamodb:${check}`, limitMs) : { found: 'works', hint: '' };
  const write = (check: string, outcome: Result<void, StoreWriteFailure>): Finding => {
    const { found, hint } = words(outcome, check);
    if (readsOnly) {
      if (outcome.isErr()) return subject.ok(check, `${found}, and not needed`);
      return subject.warning(
        check,
        'allowed to a process that only reads',
        `remove dynamodb:${check} from its IAM policy`,
      );
    }
    return outcome.isOk()
      ? subject.ok(check, `${found} (nothing was written)`)
      : subject.broken(check, found, hint);
  };
  const { found, hint } = words(scan, 'Scan');
  return [
    subject.ok('GetItem', 'works'),
    ...(put ? [write('PutItem', put)] : []),
    ...(update ? [write('UpdateItem', update)] : []),
    scan.isOk()
      ? subject.ok('Scan', found)
      : subject.warning('Scan', `${found}: rkms verify and rkms repair cannot scan the store`, hint),
  ];
}

async function checkLatency(
  subject: Subject,
  { repository }: DynamoDbReplica,
  { timeout_ms: timeoutMs, regions }: DynamoDbConfig,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const startMs = performance.now();
  if ((await repository.genesis(signal)).isErr()) return [];
  const tookMs = performance.now() - startMs;
  const shareMs = Math.floor(timeoutMs / regions.length);
  const found = `GetItem takes ${Math.max(1, Math.round(tookMs))} ms`;
  if (tookMs <= shareMs / 2) return [subject.ok('latency', found)];
  return [
    subject.warning(
      'latency',
      `${found}, and the time limit of one region of the store is ${shareMs} ms`,
      'move this machine closer, put the region later in the order, or raise store.timeout_ms',
    ),
  ];
}
