// Reads the TLS files that the configuration names, and logs when they change, fail to load, or are about to expire.
import type { Logger } from 'pino';
import { TlsFiles, type TlsEvent } from '../../adapters/http/tls/tls-files.js';
import type { TlsSettings } from '../../adapters/http/tls/tls-material.js';
import type { Clock } from '../../ports/clock.js';
import type { Config } from '../config/config.js';

/** Undefined without [tls]. */
export function openTls(config: Config, clock: Clock, logger: Logger): TlsFiles | undefined {
  const settings = tlsSettingsOf(config);
  return settings && new TlsFiles(settings, clock, logTlsEvent(logger));
}

/** Where the parts are that TLS is spoken with; undefined without [tls]. */
export const tlsSettingsOf = ({ tls }: Config): TlsSettings | undefined =>
  tls && {
    certFile: tls.cert_file,
    keyFile: tls.key_file,
    minVersion: tls.min_version,
    clientCaFile: tls.client_ca_file,
    revokedFile: tls.revoked_file,
  };

const logTlsEvent =
  (logger: Logger) =>
  (event: TlsEvent): void => {
    switch (event.event) {
      case 'tls.reloaded':
        logger.info('the files of [tls] changed; new connections use them');
        return;
      case 'tls.broken': {
        const { message, hint } = event.problem;
        logger.error(
          { problem: message, hint },
          'the files of [tls] changed and cannot be used; those before stay',
        );
        return;
      }
      case 'tls.expires': {
        const { file, notAfterMs, daysLeft } = event;
        const facts = { file, notAfter: new Date(notAfterMs).toISOString(), daysLeft };
        if (daysLeft === 0) logger.error(facts, 'a certificate has ended, or ends today');
        else logger.warn(facts, 'a certificate ends soon');
      }
    }
  };
