// A machine in a test's hand for the doctor, and what he found out that is not well.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diagnose } from '../../src/infrastructure/doctor/diagnose.js';
import type { Finding } from '../../src/infrastructure/checks/finding.js';
import type { Machine } from '../../src/infrastructure/doctor/machine.js';

export const gib = 1024 ** 3;

/** This machine and its time; the rest is well unless a test says otherwise. */
export const machine = (different: Partial<Machine> = {}): Machine => ({
  nodeVersion: '22.13.0',
  environment: {},
  nodeFlags: [],
  uid: process.getuid?.(),
  nowMs: () => Date.now(),
  freeBytes: () => Promise.resolve(100 * gib),
  flushMs: () => Promise.resolve(3),
  ...different,
});

/** Writes the configuration into the folder and has it looked at. */
export function examine(
  folder: string,
  config: string,
  { limitMs = 20_000, readsOnly = false, on = machine() } = {},
): Promise<readonly Finding[]> {
  const path = join(folder, 'rkms.toml');
  writeFileSync(path, config);
  return diagnose({ config: path, limitMs, readsOnly }, on);
}

/** A finding that is not well: severity, subject and check as they are, and a part of what was found and of the hint. */
export type Ill = readonly ['warning' | 'broken', string, string, string, string];

/** The finding with the expected parts of its texts where they are in it, so that a comparison shows the whole of it if not. */
export const illOf = (findings: readonly Finding[], expected: readonly Ill[] = []): readonly Ill[] =>
  findings
    .flatMap((finding) => ('hint' in finding ? [finding] : []))
    .map(({ severity, subject, check, found, hint }, index): Ill => {
      const [, , , foundPart = found, curePart = hint] = expected[index] ?? [];
      return [
        severity,
        subject,
        check,
        found.includes(foundPart) ? foundPart : found,
        hint.includes(curePart) ? curePart : hint,
      ];
    });

/** What was found of one check. */
export const foundOf = (findings: readonly Finding[], subject: string, check: string): string | undefined =>
  findings.find((each) => each.subject === subject && each.check === check)?.found;
