// `rkms serve`: serves keys over HTTP until a signal stops it, in this process or, with `server.workers`, in several.
import { readConfigFile } from '../../config/config-file.js';
import { workerVariable } from '../../config/environment.js';
import { workersOf } from '../../config/worker-share.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';

/** No way to serve is loaded where it is not needed: the process that only starts workers stays small. */
export async function serve(options: ConfigOption): Promise<void> {
  if (process.env[workerVariable] !== undefined && process.connected)
    return (await import('./serve-as-worker.js')).serveAsWorker(options);
  const toml = readConfigFile(options.config);
  const config = loadConfig(options, toml);
  if (workersOf(config) > 1) (await import('./serve-with-workers.js')).serveWithWorkers(config, toml);
  else await (await import('./serve-in-process.js')).serveInProcess(config);
}
