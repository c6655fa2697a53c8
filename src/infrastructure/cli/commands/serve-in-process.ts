// One process that serves keys over HTTP until a signal or a bug stops it: the whole service, or one of its workers, which the
// process that started it stops.
import { Container } from 'inversify';
import type { Logger } from 'pino';
import { ClusterPeers } from '../../../adapters/cluster/cluster-peers.js';
import type { FromWorker, ToWorker } from '../../../adapters/cluster/worker-messages.js';
import { causeFacts, stackOf } from '../../../adapters/pino/log-facts.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import { noPeers, Peers } from '../../../ports/peers.js';
import type { Config } from '../../config/config.js';
import { variablesWithoutEffect } from '../../config/aws-environment.js';
import { unknownVariables } from '../../config/environment.js';
import { bindAdapters, bindApplication } from '../../wiring/container.js';
import { openLog, type OpenLog } from '../../wiring/open-log.js';
import { startService, type RunningService } from '../../startup/service.js';
import { advised } from '../support/advice.js';
import { printBanner } from '../support/banner.js';
import { exitCodes, type ExitCode } from '../support/exit-codes.js';
import { ignoreSignals } from '../support/ignore-signals.js';

/** The process that started this worker; absent where this process is the whole service. */
export interface Leader {
  readonly worker: number;
  readonly isFirst: boolean;
  readonly send: (message: FromWorker) => void;
  readonly onMessage: (receive: (message: ToWorker) => void) => void;
}

export async function serveInProcess(config: Config, leader?: Leader): Promise<void> {
  const log = openLog(config.log, process.env, advised, leader && { worker: leader.worker });
  const heed = ignoreSignals(log.logger);
  warnInLog(log.logger);
  /** Before it serves, a worker has nothing to finish. */
  let stop = (_: string, exitCode: ExitCode): void => {
    void log.close().then(() => process.exit(exitCode));
  };
  const peers =
    leader &&
    new ClusterPeers(
      leader.send,
      systemClock,
      (why) => {
        stop(why, exitCodes.ok);
      },
      leader.isFirst,
    );
  if (peers)
    leader.onMessage((message) => {
      peers.receive(message);
    });
  try {
    const service = await start(config, log.logger, peers);
    // Before the banner: a supervisor that reads it may send a signal at once.
    stop = stopOnSignals(service, log, leader !== undefined);
    service.ready.catch((refusal: unknown) => {
      if (!(refusal instanceof OperatorError)) throw refusal;
      log.logger.fatal({ problem: refusal.message, hint: refusal.hint }, 'a check at start failed for good');
      peers?.refused();
      stop('refused', exitCodes.failed);
    });
    if (peers) peers.serving(service);
    else printBanner(config, service, log.logger);
  } catch (cause) {
    heed();
    // The log lines before the reason of the refusal.
    await log.close();
    throw cause;
  }
}

/** Closes what a refused start has opened, for example the audit log. */
async function start(config: Config, logger: Logger, peers: Peers = noPeers): Promise<RunningService> {
  if (peers.isFirst !== false) warnOfVariables(config, logger);
  const container = new Container();
  container.load(bindAdapters(config, logger), bindApplication(config));
  container.rebind(Peers).toConstantValue(peers);
  try {
    return await startService(container, config, logger);
  } catch (cause) {
    await container.unbindAllAsync();
    throw cause;
  }
}

/** Of several workers, the first one warns. */
function warnOfVariables(config: Config, logger: Logger): void {
  for (const name of unknownVariables(process.env)) logger.warn({ name }, 'this variable matches no option');
  for (const { name, why } of variablesWithoutEffect(process.env, config))
    logger.warn({ name, why }, 'this variable has no effect');
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

/** The first signal lets the requests in flight finish; the second one exits at once. */
function stopOnSignals(
  service: RunningService,
  log: OpenLog,
  isWorker: boolean,
): (why: string, exitCode: ExitCode) => void {
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
  for (const name of isWorker ? [] : (['SIGTERM', 'SIGINT'] as const))
    process.on(name, () => {
      stop(name, exitCodes.ok);
    });
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
  return stop;
}
