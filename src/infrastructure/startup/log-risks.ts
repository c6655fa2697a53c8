// Warns at the start of settings that let others read keys or metrics, so that they are chosen on purpose. Refuses nothing.
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { isLoopback } from '../config/schema/rules.js';
import { masterKeyFolder } from '../wiring/container.js';

/** Logs settings that an operator should have chosen on purpose. */
export function logRisks(config: Config, logger: Logger): void {
  const local = config.regions.flatMap(({ name, vault }) => (vault === 'local-kms' ? [name] : []));
  if (local.length > 0) {
    const facts = { regions: local, folder: masterKeyFolder(config) };
    logger.warn(
      facts,
      'these regions are local: anyone who can read the master keys on this disk can read all keys',
    );
  }
  const { operations } = config;
  if (operations.metrics === 'public' && !isLoopback(operations.host)) {
    logger.warn(
      { host: operations.host },
      'anyone who can reach the operations listener can read the metrics',
    );
  }
  const { host, tls } = config.server;
  if (tls === 'terminated-elsewhere' && !isLoopback(host)) {
    logger.warn(
      { host },
      'keys travel unencrypted to the proxy that terminates TLS, and other machines can connect',
    );
  }
}
