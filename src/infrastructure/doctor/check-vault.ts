// AWS KMS in one region: the connection, the KMS key, each permission (used on a temporary value), and the latency. One
// time limit covers all of it, so that a region that does not answer delays the doctor only once.
import type { KMSClient } from '@aws-sdk/client-kms';
import type { Result } from 'neverthrow';
import { AwsKmsKeyVault } from '../../adapters/aws-kms/aws-kms-key-vault.js';
import { describeKmsKey, isRotated } from '../../adapters/aws-kms/describe-key.js';
import { isKeyArn, type KmsKeyFacts } from '../../adapters/aws-kms/kms-key.js';
import type { VaultFailure } from '../../domain/failures/region-failures.js';
import type { AwsRegionConfig, Config } from '../config/config.js';
import { endpointOf, type RegionalClients } from '../../adapters/aws/regional-clients.js';
import { kmsSdkClient } from '../../adapters/aws/sdk-clients.js';
import { connectionTo } from '../wiring/aws-connection.js';
import { checkConnection } from './check-connection.js';
import { credentialsBy, lacksCredentials, type CredentialsReport } from './check-credentials.js';
import { vaultWords, type CalledKey } from './remedies.js';
import { Subject, type Finding } from '../checks/finding.js';
import type { Examination } from './examination.js';
import { tryVault, type TriedVault } from './try-vault.js';

export interface VaultReport {
  readonly findings: readonly Finding[];
  /** Whether keys can be opened and, unless this process only reads, created with this region. */
  readonly isUsable: boolean;
  /** What AWS said about our credentials here; undefined when no call got that far. */
  readonly credentials?: CredentialsReport;
  readonly aheadMs?: number | undefined;
}

export async function checkVault(
  region: AwsRegionConfig,
  aws: RegionalClients,
  examination: Examination,
): Promise<VaultReport> {
  const { config, machine, limitMs } = examination;
  const subject = new Subject(`region ${region.name}`);
  const signal = AbortSignal.timeout(limitMs);
  const url = new URL(region.endpoint ?? endpointOf('kms', region.name));
  const reach = connectionTo(region, { kms: { ...config.kms, connect_timeout_ms: limitMs } });
  const client = kmsSdkClient(aws, reach);
  const settings = { connectTimeoutMs: config.kms.connect_timeout_ms, limitMs };
  const connection = await checkConnection(subject, url, machine, settings, signal);
  const { aheadMs } = connection;
  if (!connection.isThere) return { findings: connection.findings, isUsable: false };
  const described = await describeKmsKey(client, region.kms_key, signal);
  const called = { region: region.name, kmsKey: region.kms_key, permission: 'kms:DescribeKey', limitMs };
  // Unless the configuration has the ARN of the key, every other call needs the answer of this one.
  if (described.isErr() && !(isDenied(described) && isKeyArn(region.kms_key))) {
    const credentials = credentialsShownBy(region.name, described.error);
    return {
      findings: [...connection.findings, nothingElse(subject, described.error, called)],
      isUsable: false,
      ...(credentials && { credentials }),
      aheadMs,
    };
  }
  const [rotation, tried] = await Promise.all([
    described.isOk() ? checkRotation(subject, client, region, described.value, signal) : [],
    tryVault(
      new AwsKmsKeyVault(region.name, region.kms_key, aws.client('kms', reach)),
      config.deployment,
      signal,
    ),
  ]);
  const rights = checkRights(subject, tried, called, examination.readsOnly);
  const findings = [
    ...connection.findings,
    keyFinding(subject, described, called),
    ...rotation,
    ...rights,
    ...latency(subject, tried, config),
  ];
  const isUsable = findings.every(({ severity }) => severity !== 'broken');
  return { findings, isUsable, credentials: 'accepted', aheadMs };
}

const isDenied = (described: Result<unknown, VaultFailure>): boolean =>
  described.isErr() &&
  described.error.kind === 'vault.misconfigured' &&
  described.error.reason === 'access-denied';

function nothingElse(subject: Subject, failure: VaultFailure, called: CalledKey): Finding {
  if (failure.kind === 'credentials.invalid') return lacksCredentials(subject, 'key');
  const { found, hint } = vaultWords(failure, called);
  return subject.broken('key', `DescribeKey: ${found}; nothing else could be checked`, hint);
}

/** What a failure shows about our credentials; undefined if nothing. */
function credentialsShownBy(region: string, failure: VaultFailure): VaultReport['credentials'] {
  if (failure.kind === 'credentials.invalid') return credentialsBy(`KMS in ${region}`, failure);
  return failure.kind === 'vault.misconfigured' ? 'accepted' : undefined;
}

function keyFinding(
  subject: Subject,
  described: Result<KmsKeyFacts, VaultFailure>,
  called: CalledKey,
): Finding {
  if (described.isErr()) {
    const { found, hint } = vaultWords(described.error, called);
    return subject.broken('key', `DescribeKey: ${found}`, hint);
  }
  const { isMultiRegion, arn } = described.value;
  const hint = isMultiRegion
    ? '; a multi-Region key: RKMS does not need it, and a separate key per region is safer'
    : '';
  return subject.ok('key', `${arn} is enabled and symmetric${hint}`);
}

async function checkRotation(
  subject: Subject,
  client: KMSClient,
  { name }: AwsRegionConfig,
  { arn, origin }: KmsKeyFacts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (origin !== 'AWS_KMS')
    return [subject.skipped('rotation', `AWS does not rotate key material from ${origin}`)];
  const rotated = await isRotated(client, arn, signal);
  const known = rotated.unwrapOr(undefined);
  if (known === undefined)
    return [subject.skipped('rotation', 'not known: kms:GetKeyRotationStatus was not answered')];
  return [
    known
      ? subject.ok('rotation', 'on')
      : subject.warning(
          'rotation',
          'off: the key material never changes',
          `aws kms enable-key-rotation --region ${name} --key-id ${arn} (existing ciphertexts stay readable)`,
        ),
  ];
}

/** A process that only reads needs Decrypt, and should have no other permission. */
function checkRights(
  subject: Subject,
  { generate, encrypt, decrypt }: TriedVault,
  called: CalledKey,
  readsOnly: boolean,
): readonly Finding[] {
  const right = (check: string, outcome: Result<void, VaultFailure>, isWanted: boolean): Finding => {
    if (!isWanted && isDenied(outcome)) return subject.ok(check, 'not allowed, as wanted');
    if (outcome.isErr()) {
      const { found, hint } = vaultWords(outcome.error, { ...called, permission: `kms:${check}` });
      return subject.broken(check, found, hint);
    }
    return isWanted
      ? subject.ok(check, 'works')
      : subject.warning(
          check,
          'allowed to a process that only reads',
          `remove kms:${check} from its IAM policy`,
        );
  };
  return [
    right('GenerateDataKey', generate, !readsOnly),
    right('Encrypt', encrypt, !readsOnly),
    decrypt === 'made-up'
      ? subject.ok('Decrypt', 'allowed, as far as an invented ciphertext can show')
      : right('Decrypt', decrypt, true),
  ];
}

function latency(subject: Subject, { decryptMs }: TriedVault, { kms }: Config): readonly Finding[] {
  if (decryptMs === undefined) return [];
  const found = `Decrypt takes ${Math.max(1, Math.round(decryptMs))} ms`;
  const limitMs = kms.attempt_timeout_ms;
  if (decryptMs <= limitMs / 2) return [subject.ok('latency', found)];
  return [
    subject.warning(
      'latency',
      `${found}, and the time limit of a call is ${limitMs} ms (attempt_timeout_ms)`,
      'move this machine closer, put the region later in the order, or raise attempt_timeout_ms in [kms]',
    ),
  ];
}
