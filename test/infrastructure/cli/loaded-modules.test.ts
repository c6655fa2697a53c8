// A command starts quickly because it loads only what it needs: help needs no configuration, and only commands that call AWS
// load the AWS SDK.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { embeddedConfig, Lab } from '../../support/served-process.js';

const run = promisify(execFile);
const program = resolve('dist/src/infrastructure/main.js');

/** Prints, at the end of a process, which packages of `node_modules` it loaded as CommonJS, as those of the AWS SDK are. */
const reporter = `
  import { createRequire } from 'node:module';
  import { writeSync } from 'node:fs';
  const { cache } = createRequire('/');
  process.on('exit', () => {
    const names = Object.keys(cache).map((path) => /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(path)?.[1]);
    writeSync(2, '\\nloaded ' + JSON.stringify([...new Set(names)]) + '\\n');
  });`;

let lab: Lab;
beforeAll(() => {
  lab = new Lab();
});
afterAll(() => lab.close());

/** The packages that a command line loads, whatever its exit code is. */
async function packagesOf(args: readonly string[]): Promise<readonly string[]> {
  const hook = `--import=data:text/javascript,${encodeURIComponent(reporter)}`;
  const { stderr } = await run(process.execPath, [hook, program, ...args], { cwd: lab.folder }).catch(
    (failed: unknown) => failed as { readonly stderr: string },
  );
  const [, names] = /^loaded (.*)$/m.exec(stderr) ?? [];
  return JSON.parse(names ?? 'null') as readonly string[];
}

const sdk = expect.stringMatching(/^@(aws-sdk|smithy)\//) as unknown;

describe('the AWS SDK', () => {
  it('is loaded by a command that inspects what is on AWS', async () => {
    // Nothing listens on port 9: every check of AWS fails.
    const config = lab.write(
      'aws.toml',
      embeddedConfig('./data').replace(
        /\[store\][^]*/,
        '[store]\nkind = "dynamodb"\ntable = "rkms"\nmode = "single"\nregion = "us-east-1"\nendpoint = "http://127.0.0.1:9"\n\n',
      ),
    );
    expect(await packagesOf(['doctor', '--limit', '1', '--config', config])).toEqual(
      expect.arrayContaining([sdk]),
    );
  });

  it.each([
    ['token', 'list'],
    ['access', 'explain', '--caller', 'billing', '--id', 'billing/42'],
    ['config', 'check'],
    ['config', 'show'],
    ['audit', 'verify'],
    ['completion', 'bash'],
    ['init', '--json'],
    ['keys', 'list'],
    ['verify', '--json'],
  ])('is not loaded by rkms %s %s', async (...args) => {
    expect(await packagesOf(args)).not.toEqual(expect.arrayContaining([sdk]));
  });
});

// The declarations parse ids with neverthrow; commander is an ES module and not among those that are counted.
describe('help loads no code of any command', () => {
  it.each([['--help'], ['serve', '--help'], ['import', '--help'], ['help', 'doctor']])(
    '%s %s',
    async (...args) => {
      expect(await packagesOf(args)).toEqual(['neverthrow']);
    },
  );
});
