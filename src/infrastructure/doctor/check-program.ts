// The program itself: the version of Node, the environment, and the configuration with every problem in it.
import { err, ok, type Result } from 'neverthrow';
import { variablesWithoutEffect } from '../config/aws-environment.js';
import { unknownVariables } from '../config/environment.js';
import { parseConfig, type Config } from '../config/config.js';
import { refuseUnsafeEnvironment } from '../config/unsafe-environment.js';
import { canRunOn, neededNode } from '../startup/node-version.js';
import { Subject, type Finding } from '../checks/finding.js';
import type { Machine } from './machine.js';
import { readConfigFile } from '../config/config-file.js';

const node = new Subject('Node');
const configuration = new Subject('configuration');
const environment = new Subject('environment');

export function checkNode({ nodeVersion }: Machine): Finding {
  return canRunOn(nodeVersion)
    ? node.ok('version', `${nodeVersion} (${neededNode} or newer is needed)`)
    : node.broken('version', `${nodeVersion} is too old`, `install Node ${neededNode} or newer`);
}

/** The checked configuration, or one finding for each of its problems. */
export function checkConfiguration(
  path: string,
  machine: Machine,
): Result<{ readonly config: Config; readonly findings: readonly Finding[] }, readonly Finding[]> {
  const read = configuration.attempt('file', () => readConfigFile(path));
  if (read.refused) return err([read.refused]);
  const parsed = parseConfig(read.value, machine.environment);
  if (parsed.isErr()) {
    return err(
      parsed.error.problems.map(({ path: option, found, expected, line }) => {
        const place = line === undefined ? path : `${path}, line ${line}`;
        return configuration.broken(option, `found ${found} (${place})`, `write ${expected}`);
      }),
    );
  }
  const variables = unknownVariables(machine.environment).map((name) =>
    environment.warning('variables', `${name} names no option`, 'correct its name, or remove it'),
  );
  const ignored = variablesWithoutEffect(machine.environment, parsed.value).map(({ name, why }) =>
    environment.warning(
      'variables',
      `${name} has no effect: ${why}`,
      'remove it from the environment of RKMS',
    ),
  );
  return ok({ config: parsed.value, findings: [configuration.ok('file', path), ...variables, ...ignored] });
}

/** Variables and flags that could disclose keys; the start refuses them, too. */
export function checkEnvironment(config: Config, { environment: variables, nodeFlags }: Machine): Finding {
  const { refused } = environment.attempt('dangers', () => {
    refuseUnsafeEnvironment(config, variables, nodeFlags);
  });
  return refused ?? environment.ok('dangers', 'no variable or flag that could disclose keys');
}
