// `rkms serve`: serves keys over HTTP until a signal stops it, in this process or, with `server.workers`, in several.
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { workersOf } from '../../config/worker-share.js';

export async function serve(options: ConfigOption): Promise<void> {
  const config = loadConfig(options);
  // Neither is loaded where it is not needed: the process that only starts workers stays small.
  if (workersOf(config) > 1) return (await import('./serve-with-workers.js')).serveWithWorkers(config);
  return (await import('./serve-in-process.js')).serveInProcess(config);
}
