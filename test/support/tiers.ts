// The two tiers of the tests. `make test` gives each deep suite a small dose; `make test-deep` sets RKMS_DEEP=1 and gives it
// the full one. No promise is left out of the small tier: only how often it is tried differs.
import { appendFileSync } from 'node:fs';

export const isDeep = process.env['RKMS_DEEP'] === '1';

/** How much of a suite to run: what the environment variable `name` says, otherwise by the tier. */
export const dose = (
  name: string,
  { small, full }: { readonly small: number; readonly full: number },
): number => Number(process.env[name] ?? (isDeep ? full : small));

/** How often a property that takes thousands of cases is tried: a fifth of them in the small tier. */
export const manyRuns = (full: number): number => (isDeep ? full : Math.ceil(full / 5));

/** Prints what a suite measured, and keeps it for the summary of `make test-deep`. */
export function report(figures: string): void {
  process.stdout.write(`${figures}\n`);
  const file = process.env['RKMS_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${figures}\n`);
}
