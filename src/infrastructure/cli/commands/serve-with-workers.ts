// The service in several processes: the first one starts the others, which share the listeners, and holds no key itself. Each
// worker runs this command again and finds out here that it is one.
import cluster from 'node:cluster';
import { isOurs, type ServedUrls } from '../../../adapters/cluster/worker-messages.js';
import { WorkerPool, type Worker, type WorkerEvents } from '../../../adapters/cluster/worker-pool.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import type { Config } from '../../config/config.js';
import { workersOf, workerShare } from '../../config/worker-share.js';
import { openLog } from '../../wiring/open-log.js';
import { advised } from '../support/advice.js';
import { printBanner } from '../support/banner.js';
import { ignoreSignals } from '../support/ignore-signals.js';

export async function serveWithWorkers(config: Config): Promise<void> {
  if (cluster.isPrimary) {
    lead(config);
    return;
  }
  const { serveInProcess } = await import('./serve-in-process.js');
  const shared = process.env[portsVariable]?.split(',').map(Number);
  await serveInProcess(onPorts(workerShare(config), shared), {
    worker: cluster.worker?.id ?? 0,
    isFirst: shared === undefined,
    // A worker whose channel is closed ends by itself: nothing is served without the process that started it.
    send: (message) => void process.send?.(message, undefined, {}, () => undefined),
    onMessage: (receive) => {
      process.on('message', (message) => {
        if (isOurs(message)) receive(message);
      });
    },
  });
}

/** The ports on which the first worker listens: it may have chosen free ones. */
const portsVariable = 'RKMS_WORKER_PORTS';

const onPorts = (
  config: Config,
  [port = config.server.port, operationsPort = config.operations.port]: readonly number[] = [],
): Config => ({
  ...config,
  server: { ...config.server, port },
  operations: { ...config.operations, port: operationsPort },
});

const portsIn = ({ url, operationsUrl }: ServedUrls): string =>
  [url, operationsUrl]
    .map((each) => new URL(each))
    .map(({ port, protocol }) => port || (protocol === 'https:' ? '443' : '80'))
    .join(',');

function lead(config: Config): void {
  const log = openLog(config.log, process.env, advised);
  ignoreSignals(log.logger);
  const pool = new WorkerPool(
    {
      clock: systemClock,
      fork,
      onServing: (urls) => {
        printBanner(config, urls, log.logger);
      },
      onReplaced: (worker, exitCode, pauseMs) => {
        log.logger.error({ worker, exitCode, pauseMs }, 'a worker ended, and another one takes its place');
      },
      onEnd: (exitCode) => {
        void log.close().then(() => process.exit(exitCode));
      },
    },
    workersOf(config),
  );
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => {
      pool.stop(name);
    });
  pool.start();
}

function fork({ onMessage, onExit }: WorkerEvents, served: ServedUrls | undefined): Worker {
  const worker = cluster.fork(served && { [portsVariable]: portsIn(served) });
  worker.on('message', (message: unknown) => {
    if (isOurs(message)) onMessage(message);
  });
  worker.on('exit', onExit);
  // The end of its channel is told by its end.
  worker.on('error', () => undefined);
  return {
    id: worker.id,
    send: (message) => {
      if (worker.isConnected()) worker.send(message);
    },
    kill: () => worker.process.kill('SIGKILL'),
  };
}
