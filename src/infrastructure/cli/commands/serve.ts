// `rkms serve`: serves keys over HTTP until a signal or a bug stops it.
import { Container } from 'inversify';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { causeFacts, stackOf } from '../../../adapters/pino/log-facts.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { isEmbedded, type Config } from '../../config/config.js';
import { variablesWithoutEffect } from '../../config/aws-environment.js';
import { unknownVariables } from '../../config/environment.js';
import { bindAdapters, bindApplication } from '../../wiring/container.js';
import { firstTokenPath } from '../../startup/first-token.js';
import { openLog, type OpenLog } from '../../wiring/open-log.js';
import { startService, type RunningService } from '../../startup/service.js';
import { advised } from '../support/advice.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { exitCodes, type ExitCode } from '../support/exit-codes.js';

export async function serve(options: ConfigOption): Promise<void> {
  const config = loadConfig(options);
  const log = openLog(config.log, process.env, advised);
  const heed = ignoreSignals(log.logger);
  warnInLog(log.logger);
  try {
    const service = await start(config, log.logger);
    // Before the banner: a supervisor that reads it may send a signal at once.
    const stop = stopOnSignals(service, log);
    service.ready.catch((refusal: unknown) => {
      if (!(refusal instanceof OperatorError)) throw refusal;
      log.logger.fatal({ problem: refusal.message, hint: refusal.hint }, 'a check at start failed for good');
      stop('refused', exitCodes.failed);
    });
    // The service does not depend on a reader of its banner.
    process.stdout.removeAllListeners('error').on('error', (cause) => {
      log.logger.warn({ cause: causeFacts(cause) }, 'standard output cannot be written');
    });
    process.stdout.write(banner(config, service));
  } catch (cause) {
    heed();
    // The log lines before the reason of the refusal.
    await log.close();
    throw cause;
  }
}

/** Closes what a refused start has opened, for example the audit log. */
async function start(config: Config, logger: Logger): Promise<RunningService> {
  for (const name of unknownVariables(process.env)) logger.warn({ name }, 'this variable matches no option');
  for (const { name, why } of variablesWithoutEffect(process.env, config))
    logger.warn({ name, why }, 'this variable has no effect');
  const container = new Container();
  container.load(bindAdapters(config, logger), bindApplication(config));
  try {
    return await startService(container, config, logger);
  } catch (cause) {
    await container.unbindAllAsync();
    throw cause;
  }
}

function banner(config: Config, { url, operationsUrl }: RunningService): string {
  const regions = config.regions.map(({ name }) => name).join(', ');
  const lines = [
    `RKMS serves ${url} (deployment "${config.deployment}"; regions ${regions}).`,
    `Operations: ${operationsUrl}`,
  ];
  if (isEmbedded(config)) lines.push(...firstSteps(resolve(firstTokenPath(config)), url));
  return `${lines.join('\n')}\n`;
}

/** How to get a key with the token of the first start, or how to create another one where its file is gone. */
function firstSteps(token: string, url: string): readonly string[] {
  if (existsSync(token)) {
    return [
      `Its first token is in ${token}. Get a key:`,
      '',
      `  curl -H "Authorization: Bearer $(cat '${token}')" '${url}/key?id=orders/7'`,
      '',
    ];
  }
  const create = advised(`rkms token create --caller local --allow read,create > '${token}'`);
  return [`There is no token in ${token}, where the first start wrote one. Create another: ${create}`];
}

/** Packages write warnings to the console, and Node writes its own as text: here they are lines of the log. */
function warnInLog(logger: Logger): void {
  const warn = (...parts: readonly unknown[]): void => {
    logger.warn({ warning: parts.filter((part) => typeof part === 'string').join(' ') }, 'a package warns');
  };
  for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const) console[name] = warn;
  process.removeAllListeners('warning').on('warning', ({ name, message }) => {
    warn(`${name}: ${message}`);
  });
}

/**
 * From the first moment on: a start can wait for a store, and these signals would end it. Tokens, certificates and key sets are
 * read again by themselves when their files change, and the log has no file. At a limit on file sizes (SIGXFSZ), a write fails
 * and the service goes on, as on a full disk. Answers how to end this.
 */
function ignoreSignals(logger: Logger): () => void {
  const ignore = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGXFSZ') return;
    logger.info({ signal }, 'signal ignored: changed tokens and certificates are reloaded without it');
  };
  const ignored = ['SIGHUP', 'SIGUSR2', 'SIGALRM', 'SIGXFSZ'] as const;
  for (const name of ignored) process.on(name, ignore);
  return () => {
    for (const name of ignored) process.off(name, ignore);
  };
}

/** The first signal lets the requests in flight finish; the second one exits at once. */
function stopOnSignals(service: RunningService, log: OpenLog): (why: string, exitCode: ExitCode) => void {
  const { logger } = log;
  let stopping = false;
  const stop = (why: string, exitCode: ExitCode): void => {
    if (stopping) {
      log.abandon();
      process.exit(exitCodes.failed);
    }
    stopping = true;
    logger.info({ why }, 'stopping');
    const exit = (code: ExitCode): void => {
      void log.close().then(() => process.exit(code));
    };
    service.stop().then(
      () => {
        exit(exitCode);
      },
      () => {
        exit(exitCodes.failed);
      },
    );
  };
  const bug = (cause: unknown): void => {
    // A message may quote a key or a token, so only the kind of error and its place in the code are logged.
    const facts =
      cause instanceof Error ? { bug: causeFacts(cause), stack: stackOf(cause) } : { bug: typeof cause };
    logger.fatal(facts, 'a bug: the service stops');
    stop('bug', exitCodes.failed);
  };
  process.on('SIGTERM', () => {
    stop('SIGTERM', exitCodes.ok);
  });
  process.on('SIGINT', () => {
    stop('SIGINT', exitCodes.ok);
  });
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
  return stop;
}
