// One of several workers: `rkms serve` again, started by the process that stops it, with the configuration that this one read.
import cluster from 'node:cluster';
import {
  isToWorker,
  type ToWorker,
  type WorkerPorts,
  type WorkerStart,
} from '../../../adapters/cluster/worker-messages.js';
import type { Config } from '../../config/config.js';
import { workerShare } from '../../config/worker-share.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { serveInProcess } from './serve-in-process.js';

export async function serveAsWorker(options: ConfigOption): Promise<void> {
  // A terminal and systemd send them to every process: the one that started the workers tells each when to stop.
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => undefined);
  const early: ToWorker[] = [];
  let receive = (message: ToWorker): void => void early.push(message);
  const start = await new Promise<WorkerStart>((resolve) => {
    process.on('message', (message) => {
      if (!isToWorker(message)) return;
      if (message.rkms === 'start') resolve(message);
      else receive(message);
    });
    drainWhenAlone(() => {
      receive({ rkms: 'stop', why: 'the process that started this worker has ended' });
    });
  });
  const config = workerShare(loadConfig(options, start.toml));
  await serveInProcess(onPorts(config, start.ports), {
    worker: cluster.worker?.id ?? 0,
    isFirst: start.ports === undefined,
    // The end of the channel is noticed by `drainWhenAlone`.
    send: (message) => void process.send?.(message, undefined, {}, () => undefined),
    onMessage: (act) => {
      receive = act;
      for (const message of early) act(message);
    },
  });
}

/** Without this, Node ends a worker at once when its channel is closed: requests in flight would be lost. */
function drainWhenAlone(stop: () => void): void {
  const { worker } = cluster;
  worker?.once('disconnect', () => {
    worker.exitedAfterDisconnect = true;
    stop();
  });
}

const onPorts = (
  config: Config,
  [port, operationsPort]: WorkerPorts = [config.server.port, config.operations.port],
): Config => ({
  ...config,
  server: { ...config.server, port },
  operations: { ...config.operations, port: operationsPort },
});
