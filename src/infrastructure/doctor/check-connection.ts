// Can an endpoint of AWS be reached: does its name resolve, does TLS succeed, does it answer? Sends no credentials. The
// `Date` header of the answer shows how far off the clock of this machine is.
import { lookup } from 'node:dns/promises';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { isIP } from 'node:net';
import { transportFailure } from '../../adapters/aws/transport-failures.js';
import { causeOf, silence, vaultWords } from './remedies.js';
import type { Finding, Subject } from '../checks/finding.js';
import type { Machine } from './machine.js';

export interface Connection {
  readonly findings: readonly Finding[];
  readonly isThere: boolean;
  /** How far this clock is ahead of that of AWS, in milliseconds; undefined without an answer. */
  readonly aheadMs?: number | undefined;
}

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly limitMs: number;
}

/** Gives up when the signal fires. */
export async function checkConnection(
  subject: Subject,
  url: URL,
  machine: Machine,
  settings: ConnectionSettings,
  signal: AbortSignal,
): Promise<Connection> {
  const named = await checkName(subject, url, settings, signal);
  if (named.some(({ severity }) => severity === 'broken')) return { findings: named, isThere: false };
  const startMs = performance.now();
  const broken = (found: string, hint: string): Connection => ({
    findings: [
      ...named,
      subject.broken('connection', `${url.host}: ${found}; nothing else could be checked`, hint),
    ],
    isThere: false,
  });
  try {
    const { answer, connectMs } = await answerOf(url, signal);
    const tookMs = Math.round(performance.now() - startMs);
    answer.destroy();
    const how = url.protocol === 'https:' ? 'answers over TLS' : 'answers';
    const late = connectMs > settings.connectTimeoutMs;
    const found = `${url.host} ${how} in ${tookMs} ms`;
    const finding = late
      ? subject.warning(
          'connection',
          `${found}: connecting took ${Math.round(connectMs)} ms, and connect_timeout_ms is ${settings.connectTimeoutMs}`,
          'raise connect_timeout_ms in [kms], or move this machine closer',
        )
      : subject.ok('connection', found);
    return { findings: [...named, finding], isThere: true, aheadMs: aheadOf(answer, machine) };
  } catch (cause) {
    if (signal.aborted) {
      const { found, hint } = silence(settings.limitMs);
      return broken(found, hint);
    }
    const failure = transportFailure(cause);
    const { found, hint } =
      failure === undefined
        ? { found: `no connection${causeOf({ cause })}`, hint: 'check endpoint and network' }
        : vaultWords(failure, { region: '', kmsKey: '', permission: '', limitMs: settings.limitMs });
    return broken(found, hint);
  }
}

async function checkName(
  subject: Subject,
  { hostname }: URL,
  { limitMs }: ConnectionSettings,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return [];
  const broken = (found: string): readonly Finding[] => [
    subject.broken(
      'name',
      `${hostname}: ${found}; nothing else could be checked`,
      'check the DNS of this machine, the name of the region and the endpoint',
    ),
  ];
  try {
    const addresses = await Promise.race([lookup(hostname, { all: true }), fired(signal)]);
    const [first, ...others] = addresses.map(({ address }) => address);
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    return [subject.ok('name', `${hostname} is ${first ?? 'nowhere'}${more}`)];
  } catch (cause) {
    return broken(
      signal.aborted ? silence(limitMs).found : `its name cannot be resolved${causeOf({ cause })}`,
    );
  }
}

const fired = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const fire = (): void => {
      reject(new Error('aborted'));
    };
    if (signal.aborted) fire();
    signal.addEventListener('abort', fire, { once: true });
  });

function answerOf(
  url: URL,
  signal: AbortSignal,
): Promise<{ readonly answer: IncomingMessage; readonly connectMs: number }> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let connectMs = 0;
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, { agent: false, signal });
    request.on('socket', (socket) => {
      socket.on('connect', () => (connectMs = performance.now() - startMs));
    });
    request.on('response', (answer) => {
      resolve({ answer, connectMs });
    });
    request.on('error', reject);
    request.end();
  });
}

function aheadOf({ headers }: IncomingMessage, machine: Machine): number | undefined {
  const date = Date.parse(headers.date ?? '');
  return Number.isNaN(date) ? undefined : machine.nowMs() - date;
}
