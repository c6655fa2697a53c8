// Environment variables and Node flags that could disclose keys: they redirect calls, make Node trust more certificates, or
// expose the memory of the process. The start refuses them unless the configuration file lists them; the environment cannot
// allow itself.
import { OperatorError } from '../../adapters/system/operator-error.js';
import { fipsHint, lacksFipsEndpoints } from './aws-environment.js';
import type { Environment } from './environment.js';
import { unsafeRules } from './schema/unsafe-rules.js';
import { usesAws, type Config } from './config.js';

/** A danger that is there, as `HTTPS_PROXY`, and what it does. */
export interface UnsafeSetting {
  readonly name: string;
  readonly does: string;
}

/** What is dangerous in an environment and in the flags that Node was started with. */
export function unsafeSettingsIn(
  environment: Environment,
  nodeFlags: readonly string[],
  withAws: boolean,
): readonly UnsafeSetting[] {
  const variables = Object.entries(environment).map(([name, value = '']) => ({ name, value }));
  const flags = [...nodeFlags, environment['NODE_OPTIONS'] ?? ''].flatMap(flagsIn);
  const there = [...variables, ...flags.map((name) => ({ name, value: 'given' }))];
  const found = there.flatMap(({ name, value }) =>
    unsafeRules
      .filter((danger) => danger.names.test(name) && (withAws || !danger.onlyWithAws))
      .filter((danger) => (danger.value === undefined ? value !== '' : value === danger.value))
      .map(({ does }) => ({ name, does })),
  );
  return [...new Map(found.map((danger) => [danger.name, danger])).values()];
}

/** The names of the flags in a text: Node reads dashes and underscores alike. */
const flagsIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?<=^|[\s"'])(-r|--[a-z][a-z0-9_-]*)/gi)].map(([flag]) =>
    flag.replaceAll('_', '-').toLowerCase(),
  );

/** Ends the start when there is a danger that the configuration does not allow by name. */
export function refuseUnsafeEnvironment(
  config: Config,
  environment: Environment,
  nodeFlags: readonly string[],
): void {
  const fips = lacksFipsEndpoints(config, environment);
  if (fips !== undefined) {
    throw new OperatorError(
      `${fips} is true, but not every region and store has a FIPS endpoint in the configuration`,
      fipsHint,
    );
  }
  const allowed = config.security.allow_environment;
  const found = unsafeSettingsIn(environment, nodeFlags, usesAws(config)).filter(
    ({ name }) => !allowed.includes(name),
  );
  if (found.length === 0) return;
  const names = found.map(({ name }) => `"${name}"`).join(', ');
  throw new OperatorError(
    `the environment could disclose keys: ${found.map(({ name, does }) => `${name} ${does}`).join('; ')}`,
    `remove it, or allow it in the configuration file: [security] allow_environment = [${names}]`,
  );
}
