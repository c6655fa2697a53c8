// The options that verify, repair and import share, and how their texts become numbers.
import { InvalidArgumentError, type Command } from 'commander';
import type { ScanSettings } from '../../../application/maintenance/scan-keys.js';
import type { ConfigOption } from '../support/command-config.js';

/** What commander returns for a command with `addScanOptions`. */
export interface ScanOptions extends ConfigOption {
  readonly rate?: number;
  readonly concurrency: number;
  readonly resume?: boolean;
  readonly json?: boolean;
  /** The share of the keys that is visited, above 0 and up to 1. */
  readonly sample?: number;
}

/** Without `--rate`, only the concurrency limits how much of the KMS quota a scan uses. */
export const addScanOptions = (command: Command): Command =>
  command
    .option('--rate <n>', 'start at most this many keys per second', wholeNumber(1, 1_000_000))
    .option('--concurrency <n>', 'process this many keys at once', wholeNumber(1, 1_000), 16)
    .option('--resume', 'continue from the checkpoint of the last stopped run')
    .option('--json', 'print JSON lines: one per key with a problem or a change, then the report');

/** Only for commands that change nothing: a sample cannot complete a repair or an import. */
export const addSampleOption = (command: Command): Command =>
  command.option('--sample <percent>', 'check a random sample of the keys, for example 1%', share);

export const scanSettings = ({ rate, concurrency, sample }: ScanOptions): ScanSettings => ({
  concurrency,
  ...(rate !== undefined && { perSecond: rate }),
  share: sample ?? 1,
});

const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };

function share(text: string): number {
  const [, percent] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? [];
  const value = Number(percent) / 100;
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a percentage above 0% and up to 100%, for example 1%.');
}
