// What an environment may not hold: each variable and flag that could give keys away ends the start, unless the
// configuration file, and only the file, allows it by name.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseConfig, type Config } from '../../../src/infrastructure/config/config.js';
import {
  unsafeSettingsIn,
  refuseUnsafeEnvironment,
} from '../../../src/infrastructure/config/unsafe-environment.js';
import { variablesWithoutEffect } from '../../../src/infrastructure/config/aws-environment.js';
import { OperatorError } from '../../../src/adapters/system/operator-error.js';
import { Leftovers } from '../../support/leftovers.js';
import { embeddedConfig } from '../../support/served-process.js';

const namesIn = (
  environment: Record<string, string>,
  flags: readonly string[] = [],
  withAws = true,
): unknown => unsafeSettingsIn(environment, flags, withAws).map(({ name }) => name);

const onlyWithAws: readonly (readonly [string, string])[] = [
  ['AWS_ENDPOINT_URL', 'http://127.0.0.1:1'],
  ['AWS_ENDPOINT_URL_KMS', 'https://kms.example'],
  ['AWS_ENDPOINT_URL_DYNAMODB', 'https://dynamodb.example'],
  ['NODE_USE_ENV_PROXY', '1'],
  ['NODE_EXTRA_CA_CERTS', '/tmp/ca.pem'],
  ['SSL_CERT_FILE', '/tmp/ca.pem'],
];
const always: readonly (readonly [string, string])[] = [
  ['NODE_TLS_REJECT_UNAUTHORIZED', '0'],
  ['SSLKEYLOGFILE', '/tmp/keys'],
  ['NODE_DEBUG', 'http'],
  ['NODE_DEBUG_NATIVE', 'tls'],
  ['OPENSSL_CONF', '/tmp/openssl.cnf'],
];

describe('a variable', () => {
  it.each([...onlyWithAws, ...always])('%s is dangerous', (name, value) => {
    expect(namesIn({ PATH: '/bin', [name]: value })).toEqual([name]);
  });

  it.each(onlyWithAws)('%s is not where nothing is on AWS', (name, value) => {
    expect(namesIn({ [name]: value }, [], false)).toEqual([]);
  });

  it.each(always)('%s is, also where nothing is on AWS', (name, value) => {
    expect(namesIn({ [name]: value }, [], false)).toEqual([name]);
  });

  it.each([...onlyWithAws, ...always])('%s is not when it is empty', (name) => {
    expect(namesIn({ [name]: '' })).toEqual([]);
  });

  it.each([
    ['NODE_TLS_REJECT_UNAUTHORIZED', '1'],
    ['NO_PROXY', '*'],
    ['HTTPS_PROXY', 'http://proxy.example'],
    ['AWS_REGION', 'us-east-1'],
    ['AWS_ACCESS_KEY_ID', 'a'],
    ['MY_AWS_ENDPOINT_URL', 'a'],
    ['NODE_OPTIONS', '--max-old-space-size=512 --expose-gc --disable-proto=delete'],
    ['NODE_ENV', 'production'],
  ])('%s=%s is none', (name, value) => {
    expect(namesIn({ [name]: value })).toEqual([]);
  });
});

describe('a flag', () => {
  it.each([
    ['--inspect', '--inspect'],
    ['--inspect=0.0.0.0:9229', '--inspect'],
    ['--inspect-brk', '--inspect-brk'],
    ['--inspect_port=1', '--inspect-port'],
    ['--debug-port=1', '--debug-port'],
    ['--tls-keylog=/tmp/k', '--tls-keylog'],
    ['--trace-tls', '--trace-tls'],
    ['--tls-min-v1.0', '--tls-min-v1'],
    ['--tls-cipher-list=NULL', '--tls-cipher-list'],
    ['--require=/tmp/x.js', '--require'],
    ['-r /tmp/x.js', '-r'],
    ['--import /tmp/x.mjs', '--import'],
    ['--experimental-loader=x', '--experimental-loader'],
    ['--heapsnapshot-signal=SIGUSR2', '--heapsnapshot-signal'],
    ['--heap-prof', '--heap-prof'],
    ['--abort-on-uncaught-exception', '--abort-on-uncaught-exception'],
    ['--insecure-http-parser', '--insecure-http-parser'],
    ['--security-revert=CVE-1', '--security-revert'],
    ['--openssl-config=x', '--openssl-config'],
    ['--use-openssl-ca', '--use-openssl-ca'],
    ['--use-env-proxy', '--use-env-proxy'],
  ])('%s is dangerous on the command line and in NODE_OPTIONS', (flag, name) => {
    expect(namesIn({}, flag.split(' '))).toEqual([name]);
    expect(namesIn({ NODE_OPTIONS: `--no-warnings "${flag}"` })).toEqual([name]);
    expect(namesIn({ NODE_OPTIONS: flag }, flag.split(' '))).toEqual([name]);
  });
});

describe('a start', () => {
  const config = (more = ''): Config => parseConfig(embeddedConfig('./data') + more)._unsafeUnwrap();
  const onAws = (more = ''): Config =>
    parseConfig(
      `deployment = "prod"\n[[regions]]\nname = "us-east-1"\nvault = "aws-kms"\nkms_key = "alias/a"\n${more}\n[store]\nkind = "sqlite"\n`,
    )._unsafeUnwrap();
  const refusal = (
    more: string,
    environment: Record<string, string>,
    flags: readonly string[] = [],
  ): unknown => {
    try {
      refuseUnsafeEnvironment(config(more), environment, flags);
      return undefined;
    } catch (cause) {
      return cause instanceof OperatorError ? [cause.message, cause.hint] : cause;
    }
  };

  it('is refused with every danger at once, and says how each is allowed', () => {
    expect(refusal('', { NODE_DEBUG: 'http', NODE_OPTIONS: '--inspect=1' })).toEqual([
      'the environment could disclose keys: NODE_DEBUG prints requests with their tokens; --inspect lets a debugger read the memory',
      'remove it, or allow it in the configuration file: [security] allow_environment = ["NODE_DEBUG", "--inspect"]',
    ]);
  });

  it('goes on with what the file allows, and with nothing else', () => {
    const allowing = '[security]\nallow_environment = ["NODE_DEBUG"]\n';
    expect(refusal(allowing, { NODE_DEBUG: 'http' })).toBeUndefined();
    expect(refusal(allowing, { NODE_DEBUG: 'http' }, ['--inspect'])).toEqual([
      expect.stringMatching(/: --inspect lets/),
      expect.any(String),
    ]);
  });

  it('may name NODE_OPTIONS, which allows none of its flags', () => {
    const allowing = '[security]\nallow_environment = ["NODE_OPTIONS"]\n';
    expect(refusal(allowing, { NODE_OPTIONS: '--inspect' })).toEqual([
      expect.stringMatching(/: --inspect lets/),
      expect.any(String),
    ]);
  });

  it.each([
    ['HTTPS_PROXY', 'proxies are not supported'],
    ['https_proxy', 'proxies are not supported'],
    ['AWS_RETRY_MODE', 'that the start refuses'],
    ['EDITOR', 'that the start refuses'],
  ])('is not allowed %s, which would have no effect', (name, expected) => {
    const toml = `${embeddedConfig('./data')}[security]\nallow_environment = ["${name}"]\n`;
    expect(parseConfig(toml)._unsafeUnwrapErr().problems).toEqual([
      expect.objectContaining({
        path: 'security.allow_environment[0]',
        found: `"${name}"`,
        expected: expect.stringContaining(expected),
      }),
    ]);
  });

  it('goes on with a proxy, of which it says that it has no effect', () => {
    const variables = { HTTPS_PROXY: 'http://proxy.example', all_proxy: 'x', NO_PROXY: '*', HTTP_PROXY: '' };
    expect(variablesWithoutEffect(variables, onAws())).toEqual(
      ['HTTPS_PROXY', 'all_proxy'].map((name) => ({
        name,
        why: expect.stringContaining('proxies are not supported'),
      })),
    );
    expect(variablesWithoutEffect(variables, config())).toEqual([]);
  });

  describe('beside settings in a file of the AWS SDK', () => {
    const leftovers = new Leftovers();
    afterAll(() => leftovers.clear());
    const fips = 'use_fips_endpoint = true\n';

    it.each([
      ['[default]', fips, {}, true],
      ['[default]', 'use_fips_endpoint=True # law\n', {}, true],
      ['[profile prod]', fips, { AWS_PROFILE: 'prod' }, true],
      ['[ profile "prod" ]', fips, { AWS_PROFILE: 'prod' }, true],
      ['[profile prod]', fips, {}, false],
      ['[default]', fips, { AWS_PROFILE: 'prod' }, false],
      ['[default]', 'use_fips_endpoint = false\n', {}, false],
      ['[default]', fips, { AWS_USE_FIPS_ENDPOINT: 'false' }, false],
    ])('is refused with FIPS in %s (%j, %j): %j', (section, text, environment, isRefused) => {
      const home = leftovers.folder();
      mkdirSync(join(home, '.aws'));
      const file = join(home, '.aws', 'config');
      writeFileSync(file, `[sso-session x]\nregion = a\n${section}\nregion = us-east-1\n${text}[other]\n`);
      for (const where of [{ HOME: home }, { AWS_CONFIG_FILE: file }]) {
        const start = (): void => {
          refuseUnsafeEnvironment(onAws(), { ...where, ...environment }, []);
        };
        if (isRefused) expect(start).toThrow(`use_fips_endpoint in ${file} is true, but`);
        else expect(start).not.toThrow();
      }
    });

    it('says that dual-stack endpoints there have no effect', () => {
      const file = join(leftovers.folder(), 'config');
      writeFileSync(file, '[default]\nuse_dualstack_endpoint = true\n');
      const [found, ...others] = variablesWithoutEffect({ AWS_CONFIG_FILE: file }, onAws());
      expect([found?.name, others]).toEqual([`use_dualstack_endpoint in ${file}`, []]);
    });

    it('needs no such file', () => {
      expect(variablesWithoutEffect({ HOME: '/nowhere' }, onAws())).toEqual([]);
    });
  });

  it('is refused with FIPS in the environment and an endpoint that follows from the region', () => {
    const refused = (endpoint: string, fips = 'true'): unknown => {
      try {
        refuseUnsafeEnvironment(onAws(endpoint), { AWS_USE_FIPS_ENDPOINT: fips }, []);
        return undefined;
      } catch (cause) {
        return cause instanceof OperatorError ? [cause.message, cause.hint] : cause;
      }
    };
    expect(refused('')).toEqual([
      expect.stringContaining('AWS_USE_FIPS_ENDPOINT'),
      expect.stringContaining('kms-fips'),
    ]);
    expect(refused('endpoint = "https://kms-fips.us-east-1.amazonaws.com"')).toBeUndefined();
    expect(refused('', 'false')).toBeUndefined();
  });

  it('is not allowed anything by the environment itself', () => {
    const variables = {
      RKMS_SECURITY_ALLOW_ENVIRONMENT: 'NODE_DEBUG',
      RKMS_STORE_ENDPOINT: 'https://a.example',
    };
    const parsed = parseConfig(embeddedConfig('./data'), variables)._unsafeUnwrap();
    expect([parsed.security.allow_environment, parsed.store]).toEqual([[], config().store]);
  });
});
