// Checks the systemd unit with our own rules, and with systemd-analyze where it is installed. The process was run inside the
// sandbox by hand (docs/deploy.md).
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const path = 'deploy/systemd/rkms.service';
const text = readFileSync(path, 'utf8');

/** :: option -> its values, in their order */
const options = new Map<string, readonly string[]>();
for (const [, name = '', value = ''] of text.matchAll(/^(\w+)=(.*)$/gm))
  options.set(name, [...(options.get(name) ?? []), value]);
const valueOf = (name: string): string | undefined => options.get(name)?.join('\n');

describe('the unit', () => {
  it('starts RKMS with the flags of make run, as its own user', () => {
    const [, hardened = ''] = /^hardened := (.*)$/m.exec(readFileSync('Makefile', 'utf8')) ?? [];
    expect(valueOf('ExecStart')).toBe(
      `/usr/bin/node ${hardened} /opt/rkms/dist/src/infrastructure/main.js serve`,
    );
    expect([valueOf('User'), valueOf('StateDirectory'), valueOf('StateDirectoryMode')]).toEqual([
      'rkms',
      'rkms',
      '0700',
    ]);
    expect(readFileSync('deploy/systemd/rkms.sysusers', 'utf8')).toMatch(
      /^u rkms - "RKMS" \/var\/lib\/rkms$/m,
    );
  });

  it('waits longer at a stop than requests in flight may take', () => {
    const [, grace = ''] =
      /const graceMs = ([\d_]+);/.exec(readFileSync('src/infrastructure/startup/service.ts', 'utf8')) ?? [];
    expect(Number(valueOf('TimeoutStopSec')) * 1_000).toBeGreaterThan(Number(grace.replaceAll('_', '')));
  });

  it('keeps the memory off the disk and hidden from other processes', () => {
    const kept = ['LimitCORE', 'MemorySwapMax', 'ProtectProc', 'CapabilityBoundingSet', 'ProtectSystem'];
    expect(kept.map(valueOf)).toEqual(['0', '0', 'invisible', '', 'strict']);
  });

  it('does not forbid memory that V8 needs', () => {
    expect(options.has('MemoryDenyWriteExecute')).toBe(false);
  });
});

const analyze = (...args: readonly string[]): SpawnSyncReturns<string> =>
  spawnSync('systemd-analyze', args, { encoding: 'utf8' });
const hasSystemd = analyze('--version').status === 0;

/** Skipped where systemd is not installed. */
(hasSystemd ? describe : describe.skip)('to systemd-analyze', () => {
  it('the unit is valid', () => {
    expect(verified(text)).toEqual([0, '']);
    expect(verified(text.replace('ProtectClock=', 'ProtectClocks='))[1]).toContain('ProtectClocks');
  });

  it('the exposure of the service is below 2.0 of 10', () => {
    const { status, stdout, stderr } = analyze('security', '--offline=true', '--threshold=20', path);
    process.stdout.write(`${stdout.trim().split('\n').at(-1) ?? ''}\n`);
    expect([status, stderr]).toEqual([0, '']);
  });
});

/** The unit with a program that exists on this machine, otherwise unchanged. */
function verified(unit: string): readonly [number | null, string] {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-unit-'));
  try {
    const copy = join(folder, 'rkms.service');
    writeFileSync(copy, unit.replace('/usr/bin/node', process.execPath).replaceAll('/opt/rkms', folder));
    const { status, stderr } = analyze('verify', '--recursive-errors=no', copy);
    return [status, stderr];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
