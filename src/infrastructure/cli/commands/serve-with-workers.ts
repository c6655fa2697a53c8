// The service in several processes: this one starts the others, which share the listeners, and holds no key itself.
import cluster from 'node:cluster';
import {
  isFromWorker,
  type ServedUrls,
  type WorkerPorts,
  type WorkerStart,
} from '../../../adapters/cluster/worker-messages.js';
import { WorkerPool, type Worker, type WorkerEvents } from '../../../adapters/cluster/worker-pool.js';
import { addCounters } from '../../../adapters/prometheus/add-counters.js';
import { systemClock } from '../../../adapters/system/system-clock.js';
import type { Config } from '../../config/config.js';
import { workerVariable } from '../../config/environment.js';
import { workersOf } from '../../config/worker-share.js';
import { openLog } from '../../wiring/open-log.js';
import { advised } from '../support/advice.js';
import { printBanner } from '../support/banner.js';
import { ignoreSignals } from '../support/ignore-signals.js';

/** Where the first worker listens: it may have chosen free ports. */
const portsOf = ({ url, operationsUrl }: ServedUrls): WorkerPorts => [portOf(url), portOf(operationsUrl)];

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return Number(port || (protocol === 'https:' ? '443' : '80'));
}

/** `toml`: the text of the configuration. */
export function serveWithWorkers(config: Config, toml: string): void {
  const log = openLog(config.log, process.env, advised);
  ignoreSignals(log.logger);
  const pool = new WorkerPool(
    {
      clock: systemClock,
      fork: (events, served) =>
        fork(events, { rkms: 'start', toml, ...(served && { ports: portsOf(served) }) }),
      addCounters,
      onServing: (urls) => {
        printBanner(config, urls, log.logger);
      },
      onReplaced: (worker, exitCode, pauseMs) => {
        log.logger.error({ worker, exitCode, pauseMs }, 'a worker ended, and another one takes its place');
      },
      onStuck: (worker, silentMs) => {
        log.logger.error({ worker, silentMs }, 'a worker does not answer, and is killed');
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

function fork({ onMessage, onExit }: WorkerEvents, start: WorkerStart): Worker {
  const worker = cluster.fork({ [workerVariable]: '1' });
  worker.send(start);
  worker.on('message', (message: unknown) => {
    if (isFromWorker(message)) onMessage(message);
  });
  worker.on('exit', onExit);
  worker.on('error', () => {
    // The system started no process. Errors of one that runs are those of its channel, which are told by its end.
    if (worker.process.pid === undefined) onExit(null);
  });
  return {
    id: worker.id,
    send: (message) => {
      if (worker.isConnected()) worker.send(message);
    },
    kill: () => worker.process.kill('SIGKILL'),
  };
}
