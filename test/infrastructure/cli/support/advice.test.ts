// The commands of ours that an advice names get the option --config of the command that runs, and nothing else does.
import { Command } from 'commander';
import { describe, expect, it } from '@jest/globals';
import { advised, adviseFor } from '../../../../src/infrastructure/cli/support/advice.js';
import { restoreOrRecover } from '../../../../src/infrastructure/startup/known-keys-check.js';

const runWith = (...args: readonly string[]): void => {
  adviseFor(new Command().option('--config <file>', '', 'rkms.toml').parse([...args], { from: 'user' }));
};

describe('an advice', () => {
  it.each([
    'rkms serve',
    'rkms init',
    'rkms doctor',
    'rkms verify',
    'rkms repair',
    'rkms import',
    'rkms recover',
    'rkms keys show',
    'rkms token create',
    'rkms audit verify',
    'rkms access explain',
    'rkms config check',
  ])('names the configuration with %s', (command) => {
    runWith('--config', 'aws.toml');
    expect(advised(`run: ${command} --json, then go on`)).toBe(
      `run: ${command} --config aws.toml --json, then go on`,
    );
  });

  it('names it where keys are missing', () => {
    runWith('--config', "my 'best'.toml");
    expect(advised(restoreOrRecover)).toContain(`rkms recover --config 'my '\\''best'\\''.toml' (`);
  });

  it.each([
    ['rkms.toml is not valid', ['--config', 'a.toml']],
    ['run: rkms init --config other.toml', ['--config', 'a.toml']],
    ['run: rkms init', []],
  ])('%s stays as it is with %j', (text, args) => {
    runWith(...args);
    expect(advised(text)).toBe(text);
  });
});
