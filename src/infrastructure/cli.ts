// The command line: serve, init, token create. The only place that ends the process, and the only one that reads its
// arguments and environment.
import { Command, InvalidArgumentError } from 'commander';
import { Container } from 'inversify';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino, type Logger } from 'pino';
import { codeOf, ensurePrivateFolder } from '../adapters/files/private-files.js';
import { causeFacts } from '../adapters/pino/pino-telemetry.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { permissions, type Permission } from '../domain/caller.js';
import { parseCallerId, type CallerId } from '../domain/ids.js';
import { StartRefused } from '../ports/start-refused.js';
import { isEmbedded, parseConfig, showConfigProblems, type Config } from './config.js';
import { unknownVariables } from './config-environment.js';
import { bindAdapters, bindApplication } from './container.js';
import { firstTokenPath, storeNewToken } from './first-token.js';
import { initialiseStore } from './prepare-store.js';
import { startService, type RunningService } from './service.js';

const embeddedDefault = fileURLToPath(new URL('../../../config/rkms.toml', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const dayMs = 86_400_000;

interface ConfigOption {
  readonly config: string;
}

interface TokenOptions extends ConfigOption {
  readonly caller: CallerId;
  readonly allow: readonly Permission[];
  readonly expires: number;
}

const program = new Command('rkms')
  .description('Reliable Key Management Service: data keys that any one of several regions can open')
  .version(version)
  .showHelpAfterError();

const command = (name: string, summary: string, on: Command = program): Command =>
  on
    .command(name)
    .description(summary)
    .option('-c, --config <file>', 'configuration file', process.env['RKMS_CONFIG'] ?? embeddedDefault);

command('serve', 'serve keys over HTTP (with no configuration: the embedded default)').action(
  async (options: ConfigOption) => {
    const config = load(options.config);
    const logger = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }));
    for (const name of unknownVariables(process.env)) logger.warn({ name }, 'this variable names no option');
    const container = new Container();
    container.load(bindAdapters(config, logger), bindApplication(config));
    const service = await startService(container, config, logger);
    process.stdout.write(banner(config, service));
    stopOnSignals(service, logger);
  },
);

command('init', 'make the deployment’s genesis record in a new, empty store').action(
  async (options: ConfigOption) => {
    const config = load(options.config);
    ensurePrivateFolder(config.data_dir);
    const container = new Container();
    container.load(bindAdapters(config, pino({ level: 'silent' })));
    const made = await initialiseStore(container, config);
    await container.unbindAllAsync();
    const text = made ? 'was made' : 'was there already: nothing was changed';
    process.stdout.write(`The genesis record of the deployment "${config.deployment}" ${text}.\n`);
  },
);

const tokens = program.command('token').description('bearer tokens of callers');
command('create', 'make a token and print it, this once', tokens)
  .requiredOption('--caller <name>', 'whom the token speaks for', callerOf)
  .requiredOption('--allow <list>', `permissions, comma-separated: ${permissions.join(', ')}`, permissionsOf)
  .option('--expires <days>', 'days until it expires, as 90d', daysOf, 90)
  .action(({ config: path, caller, allow, expires }: TokenOptions) => {
    const config = load(path);
    ensurePrivateFolder(config.data_dir);
    const nowMs = systemClock.nowMs();
    const text = storeNewToken(config, { caller, allow, nowMs, expiresMs: nowMs + expires * dayMs });
    process.stdout.write(`${text}\n`);
  });

function load(path: string): Config {
  const config = parseConfig(read(path), process.env);
  if (config.isOk()) return config.value;
  throw new StartRefused(
    `the configuration ${path} is not valid:\n${indent(showConfigProblems(config.error))}`,
    '',
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new StartRefused(
      `the configuration ${path} cannot be read (${codeOf(cause)})`,
      'name it with --config or RKMS_CONFIG',
      {
        cause,
      },
    );
  }
}

function banner(config: Config, { url, operationsUrl }: RunningService): string {
  const regions = config.regions.map(({ name }) => name).join(', ');
  const lines = [
    `RKMS serves ${url} (deployment "${config.deployment}"; regions ${regions}).`,
    `Operations: ${operationsUrl}`,
  ];
  const token = resolve(firstTokenPath(config));
  if (isEmbedded(config) && existsSync(token)) {
    lines.push(
      `Its first token is in ${token}. Get a key:`,
      '',
      `  curl -H "Authorization: Bearer $(cat '${token}')" '${url}/key?id=orders/7'`,
      '',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The first signal lets running requests finish; a second one does not wait for them. */
function stopOnSignals(service: RunningService, logger: Logger): void {
  let stopping = false;
  const stop = (why: string, exitCode: number): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ why }, 'stopping');
    service.stop().then(
      () => process.exit(exitCode),
      () => process.exit(1),
    );
  };
  const bug = (cause: unknown): void => {
    logger.fatal({ bug: causeFacts(cause) }, 'a bug: the service stops');
    stop('bug', 1);
  };
  process.on('SIGTERM', () => {
    stop('SIGTERM', 0);
  });
  process.on('SIGINT', () => {
    stop('SIGINT', 0);
  });
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
}

function callerOf(text: string): CallerId {
  const caller = parseCallerId(text);
  if (caller.isOk()) return caller.value;
  throw new InvalidArgumentError(`A caller has ${caller.error.expected}.`);
}

function permissionsOf(text: string): readonly Permission[] {
  return text.split(',').map((name) => {
    const known = permissions.find((permission) => permission === name);
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`Permissions are ${permissions.join(', ')}.`);
  });
}

function daysOf(text: string): number {
  const [, days] = /^([1-9]\d{0,4})d?$/.exec(text) ?? [];
  if (days !== undefined) return Number(days);
  throw new InvalidArgumentError('Expected a number of days, as 90d.');
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');

try {
  await program.parseAsync();
} catch (cause) {
  if (!(cause instanceof StartRefused)) throw cause;
  process.stderr.write(`rkms: ${cause.message}\n${cause.hint && `  ${cause.hint}\n`}`);
  process.exit(1);
}
