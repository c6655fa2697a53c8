// Builds the authentication methods that the configuration names. Without any, no caller could be served, so the start is
// refused.
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { CertificateAuthenticator } from '../../adapters/certificates/certificate-authenticator.js';
import { HttpKeySet } from '../../adapters/jwt/http-key-set.js';
import { IssuerKeys, type IssuerKeysEvent, type IssuerKeysSettings } from '../../adapters/jwt/issuer-keys.js';
import { JwtAuthenticator, type Issuer } from '../../adapters/jwt/jwt-authenticator.js';
import { FileKeySet, noCopy, type KeySetSource } from '../../adapters/jwt/key-set-source.js';
import { LastGoodFile } from '../../adapters/jwt/last-good-file.js';
import { TokenAuthenticator } from '../../adapters/tokens/token-authenticator.js';
import { TokenFile } from '../../adapters/tokens/token-file.js';
import { ConfiguredCallers } from '../../application/access/configured-callers.js';
import {
  AuthenticatorSelector,
  type AuthenticationMethods,
} from '../../application/access/authenticator-selector.js';
import type { Authenticator } from '../../ports/authenticator.js';
import type { Clock } from '../../ports/clock.js';
import { callerGrants } from '../config/schema/callers.js';
import type { Config } from '../config/config.js';
import { certificateNames, jwtSubjects } from '../config/schema/identities.js';
import type { IssuerConfig } from '../config/schema/issuers.js';

/** Issuers whose keys are read again and again, until `stop`. */
export interface OpenIssuers {
  readonly issuers: readonly Issuer[];
  stop(): void;
}

/** How often an issuer's keys are read again (ms): more often from a file than over the network. */
const fromIssuer = { refreshMs: 300_000, cooldownMs: 30_000 } as const;
const fromFile = { refreshMs: 1_000, cooldownMs: 1_000 } as const;

export function openIssuers(config: Config, clock: Clock, logger: Logger): OpenIssuers {
  const open = (config.issuers ?? []).map((issuer) => {
    const keys = keysOf(issuer, config, clock, logger);
    keys.start();
    return { keys, issuer: { ...termsOf(issuer), keys } };
  });
  return {
    issuers: open.map(({ issuer }) => issuer),
    stop: () => {
      for (const { keys } of open) keys.stop();
    },
  };
}

const termsOf = ({
  issuer,
  audience,
  algorithms,
  kubernetes,
  max_lifetime_s: maxLifetimeS,
}: IssuerConfig) => ({
  issuer,
  audience,
  algorithms,
  kubernetes,
  maxLifetimeS,
});

/** Where an issuer's keys are read from. */
export const keySetSourceOf = ({
  jwks_uri: url,
  jwks_file: path,
  jwks_ca_file: caFile,
  jwks_token_file: tokenFile,
}: IssuerConfig): KeySetSource =>
  url === undefined ? new FileKeySet(path ?? '') : new HttpKeySet({ url, caFile, tokenFile });

function keysOf(terms: IssuerConfig, config: Config, clock: Clock, logger: Logger): IssuerKeys {
  const { issuer, jwks_uri: url, last_good_s: lastGoodS } = terms;
  const heard = logIssuerEvent(logger, issuer);
  const keys = (pace: Pick<IssuerKeysSettings, 'refreshMs' | 'cooldownMs'>): IssuerKeysSettings => ({
    ...pace,
    lastGoodMs: lastGoodS * 1_000,
  });
  const source = keySetSourceOf(terms);
  if (url === undefined) return new IssuerKeys(source, noCopy, clock, heard, keys(fromFile));
  const copy = new LastGoodFile(config.data_dir, issuer, ({ message }) => {
    logger.error(
      { issuer, problem: message },
      'the last good copy of the keys of this issuer cannot be used',
    );
  });
  return new IssuerKeys(source, copy, clock, heard, keys(fromIssuer));
}

const logIssuerEvent =
  (logger: Logger, issuer: string) =>
  (event: IssuerKeysEvent): void => {
    switch (event.event) {
      case 'issuer.unavailable': {
        const { reason, lastGoodMs } = event;
        const lastGood = lastGoodMs === undefined ? undefined : new Date(lastGoodMs).toISOString();
        const facts = { issuer, reason, lastGood };
        if (lastGood === undefined) logger.error(facts, 'no keys of this issuer: its tokens are refused');
        else logger.warn(facts, 'no keys from this issuer; the last good ones stay in use');
        return;
      }
      case 'issuer.available':
        logger.info({ issuer }, 'this issuer gives its keys again');
    }
  };

export function authenticatorOf(
  config: Config,
  { issuers }: OpenIssuers,
  clock: Clock,
  logger: Logger,
): Authenticator {
  const names = certificateNames(config.callers);
  const others: AuthenticationMethods = {
    ...(names.size > 0 ? { certificate: new CertificateAuthenticator(names, clock) } : {}),
    ...(issuers.length > 0 ? { jwt: new JwtAuthenticator(issuers, jwtSubjects(config.callers), clock) } : {}),
  };
  const without = Object.keys(others).length > 0 && !existsSync(config.auth.tokens_file);
  const methods = without ? others : { ...others, token: tokenMethod(config, clock, logger) };
  return new ConfiguredCallers(new AuthenticatorSelector(methods), callerGrants(config.callers));
}

function tokenMethod(config: Config, clock: Clock, logger: Logger): Authenticator {
  const tokens = new TokenFile(config.auth.tokens_file, clock, ({ message }) => {
    logger.error(
      { problem: message },
      'the changed token file cannot be read; the tokens known before stay valid',
    );
  });
  return new TokenAuthenticator(tokens, clock);
}
