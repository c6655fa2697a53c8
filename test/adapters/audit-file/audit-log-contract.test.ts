// The audit log in files, and the in-memory one of other tests, keep the contract.
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import type { Clock } from '../../../src/ports/clock.js';
import { auditLogContract, type BreakableAuditLog } from '../../contracts/audit-log-contract.js';
import { openAudit, requestIds } from '../../support/audit-samples.js';
import { Leftovers } from '../../support/leftovers.js';
import { RecordingAuditLog } from '../../support/recording-audit-log.js';

const leftovers = new Leftovers();
afterEach(() => leftovers.clear());

/** The file is checked once a second; each read of this clock advances it by more than a second. */
function hurriedClock(): Clock {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => (nowMs += 1_001),
    schedule: (delayMs, fire) => systemClock.schedule(delayMs / 100, fire),
  };
}

function fileLog(): Promise<BreakableAuditLog> {
  const path = join(leftovers.folder(), 'audit.jsonl');
  const subject = openAudit(leftovers, path, { clock: hurriedClock() });
  const aside = `${path}.aside`;
  return Promise.resolve({
    subject,
    stored: () => Promise.resolve(requestIds(path)),
    breakStorage: () => {
      renameSync(path, aside);
      mkdirSync(path);
      return Promise.resolve();
    },
    repairStorage: () => {
      rmSync(path, { recursive: true });
      renameSync(aside, path);
      return Promise.resolve();
    },
  });
}

function recordingLog(): Promise<BreakableAuditLog> {
  const subject = new RecordingAuditLog();
  return Promise.resolve({
    subject,
    stored: () => Promise.resolve(subject.entries.map(({ requestId }) => requestId)),
    breakStorage: () => {
      subject.mode = 'fail';
      return Promise.resolve();
    },
    repairStorage: () => {
      subject.mode = 'keep';
      return Promise.resolve();
    },
  });
}

describe.each([
  ['in files', fileLog],
  ['in memory', recordingLog],
])('an audit log %s', (_, make) => {
  for (const { name, run } of auditLogContract(make)) test(name, run);
});
