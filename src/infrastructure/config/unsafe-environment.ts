// Environment variables and Node flags that could disclose keys: they redirect calls, make Node trust more certificates, or
// expose the memory of the process. The start refuses them unless the configuration file lists them; the environment cannot
// allow itself.
import { OperatorError } from '../../adapters/system/operator-error.js';
import type { Environment } from './environment.js';
import { usesAws, type Config } from './config.js';

interface UnsafeRule {
  /** The whole name of a variable, or of a flag with its dashes. */
  readonly names: RegExp;
  /** What it does, to be read after its name. */
  readonly does: string;
  /** Harmless where no region and no store is on AWS. */
  readonly onlyWithAws?: true;
  /** The only value that does harm; any but the empty one where none is named. */
  readonly value?: string;
}

const rules: readonly UnsafeRule[] = [
  { names: /^AWS_ENDPOINT_URL(_.*)?$/, does: 'sends calls to AWS to another host', onlyWithAws: true },
  { names: /^(HTTPS?|ALL)_PROXY$/i, does: 'sends calls to AWS through another host', onlyWithAws: true },
  { names: /^NODE_USE_ENV_PROXY$|^--use-env-proxy$/, does: 'makes Node obey proxies', onlyWithAws: true },
  {
    names: /^NODE_EXTRA_CA_CERTS$|^--use-(system|openssl)-ca$|^SSL_CERT_(FILE|DIR)$|^NODE_USE_SYSTEM_CA$/,
    does: 'trusts more authorities to speak for AWS',
    onlyWithAws: true,
  },
  { names: /^NODE_TLS_REJECT_UNAUTHORIZED$/, does: 'trusts anybody to be AWS', value: '0' },
  { names: /^SSLKEYLOGFILE$|^--tls-keylog$/, does: 'writes the keys of TLS into a file' },
  { names: /^--trace-tls$/, does: 'prints what TLS protects' },
  { names: /^NODE_DEBUG(_NATIVE)?$/, does: 'prints requests with their tokens' },
  { names: /^--(debug|inspect)(-.*)?$/, does: 'lets a debugger read the memory' },
  { names: /^--(heap-prof|heapsnapshot-.*|abort-on-uncaught-exception)$/, does: 'writes the memory to disk' },
  { names: /^(-r|--(require|import|loader|experimental-loader))$/, does: 'loads other code first' },
  { names: /^--insecure-http-parser$/, does: 'reads requests that are not HTTP' },
  { names: /^--(tls-(min|max)-.*|tls-cipher-list|security-revert|openssl-.*)$/, does: 'weakens TLS' },
  { names: /^OPENSSL_CONF$/, does: 'changes how OpenSSL works' },
];

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
    rules
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
