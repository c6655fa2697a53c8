// The ways in which a region is made to fail, and by which state of it the failure is known to be detected.
import type { KmsFault, KmsFaultOptions } from '../../test/support/kms-faults.js';

export type Fault = KmsFault | 'dns' | 'tls';

export interface Case {
  readonly name: string;
  readonly says: string;
  readonly fault: Fault;
  readonly options?: KmsFaultOptions;
  /** None where the region goes on and single calls are answered elsewhere. */
  readonly detected: readonly string[];
  /** Some calls still succeed, so with two such regions a key may be made. */
  readonly partial: boolean;
}

const outage = ['open'];
const known = (name: string, says: string, fault: Fault, detected: readonly string[] = outage): Case => ({
  name,
  says,
  fault,
  detected,
  partial: false,
});

export const cases: readonly Case[] = [
  known('refused', 'connection refused', 'refused'),
  known('reset', 'reset before the answer', 'reset'),
  known('reset-mid', 'reset in mid-answer', 'reset-mid-answer'),
  known('silent', 'silence', 'silent'),
  known('dripping', 'dripping answer', 'dripping'),
  // The last good addresses are used for as long as the name cannot be resolved.
  { name: 'dns', says: 'DNS failure', fault: 'dns', detected: [], partial: true },
  known('tls', 'TLS failure', 'tls'),
  known('5xx', '503 from a balancer', 'server-error'),
  known('internal', 'KMSInternalException', 'internal-error'),
  known('throttled', 'throttling', 'throttled', ['over quota']),
  {
    name: '10-percent',
    says: '10 % errors',
    fault: 'internal-error',
    options: { rate: 0.1 },
    detected: [],
    partial: true,
  },
  {
    name: 'slow',
    says: 'slow by 500 ms',
    fault: 'slow',
    options: { slowMs: 500 },
    detected: ['open', 'degraded'],
    partial: true,
  },
  known('disabled', 'disabled key', 'disabled', ['misconfigured']),
  known('denied', 'access denied', 'access-denied', ['misconfigured']),
  known('plaintext', 'wrong plaintext', 'wrong-plaintext', ['quarantined']),
  known('credentials', 'expired credentials', 'expired-credentials', ['misconfigured']),
];

export const needsNames = ({ fault }: Case): boolean => fault === 'dns' || fault === 'tls';
