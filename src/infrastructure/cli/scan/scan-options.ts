// The options that commands share which walk over the whole store, and how their texts become numbers.
import { InvalidArgumentError, type Command } from 'commander';
import type { ScanSettings } from '../../../application/maintenance/scan-keys.js';
import type { ConfigOption } from '../support/command-config.js';

/** What commander reads for a command that was made by `addWalkOptions`. */
export interface ScanOptions extends ConfigOption {
  readonly rate?: number;
  readonly concurrency: number;
  readonly resume?: boolean;
  readonly json?: boolean;
  /** The share of the keys, above 0 and up to 1. */
  readonly sample?: number;
}

export const addScanOptions = (command: Command): Command =>
  command
    .option('--rate <keys/s>', 'begin at most so many keys a second', wholeNumber(1, 1_000_000))
    .option('--concurrency <n>', 'work on so many keys at once', wholeNumber(1, 1_000), 16)
    .option('--resume', 'go on where the last walk was stopped')
    .option('--json', 'print JSON lines: one for each key that is not whole, and the report as the last one');

export const addSampleOption = (command: Command): Command =>
  command.option(
    '--sample <share>',
    'open only this share of the keys, drawn anew in every run, as 1%',
    share,
  );

export const scanSettings = ({ rate, concurrency, sample }: ScanOptions): ScanSettings => ({
  concurrency,
  ...(rate !== undefined && { perSecond: rate }),
  share: sample ?? 1,
});

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };

function share(text: string): number {
  const [, percent] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? [];
  const value = Number(percent) / 100;
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a percentage above 0%, up to 100%, as 1%.');
}
