// What `rkms serve` prints once it serves.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { ServedUrls } from '../../../adapters/cluster/worker-messages.js';
import { causeFacts } from '../../../adapters/pino/log-facts.js';
import { isEmbedded, type Config } from '../../config/config.js';
import { firstTokenPath } from '../../startup/first-token.js';
import { advised } from './advice.js';

/** The service does not depend on a reader of its banner. */
export function printBanner(config: Config, urls: ServedUrls, logger: Logger): void {
  process.stdout.removeAllListeners('error').on('error', (cause) => {
    logger.warn({ cause: causeFacts(cause) }, 'standard output cannot be written');
  });
  process.stdout.write(banner(config, urls));
}

function banner(config: Config, { url, operationsUrl }: ServedUrls): string {
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
