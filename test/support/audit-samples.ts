// Audit logs for tests: entries, and what the files hold, read without the code under test.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AuditFile, type AuditFileSettings } from '../../src/adapters/audit-file/audit-file.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { KeyEntry } from '../../src/ports/audit-log.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Leftovers } from './leftovers.js';
import { callerId, keyId } from './names.js';

export const auditEntry = (more: Partial<KeyEntry> = {}): KeyEntry => ({
  timeMs: Date.UTC(2030, 0, 1),
  requestId: 'request-1',
  caller: callerId('billing'),
  method: 'token',
  action: 'key.get',
  id: keyId('orders/7'),
  outcome: 'opened',
  ...more,
});

/** An audit log that is closed with the leftovers. */
export function openAudit(
  leftovers: Leftovers,
  path: string,
  settings: Partial<AuditFileSettings> & { readonly clock?: Clock } = {},
): AuditFile {
  const { clock = systemClock, ...more } = settings;
  const audit = AuditFile.open(path, clock, { flush: 'disk', maxBytes: 2 ** 28, ...more });
  leftovers.add(() => audit.close());
  return audit;
}

export interface AuditLine extends Readonly<Record<string, unknown>> {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly action: string;
  readonly requestId?: string;
}

/** The whole lines of a file. */
export const auditLines = (path: string): readonly AuditLine[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditLine);

/** The ids of the requests that have a line, in its order. */
export const requestIds = (...paths: readonly string[]): readonly string[] =>
  paths.flatMap((path) => auditLines(path).flatMap(({ requestId }) => requestId ?? []));

/** The hash that a line ought to have, as the documentation says. */
export const hashOfLine = (line: string): string =>
  createHash('sha256')
    .update(line.replace(/,"hash":"[0-9a-f]{64}"\}$/, ''))
    .digest('hex');
