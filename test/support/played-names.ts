// Loaded into a process before anything else (node --import): names that end in ".played" are this machine, unless they
// stand in the file that PLAYED_NAMES_LOST names; those are not found.
import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns';
import { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Answer = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

const lost = process.env['PLAYED_NAMES_LOST'] ?? '';
const real = dns.lookup as (host: string, options: Partial<LookupAllOptions>, answer: Answer) => void;

function lookup(host: string, options: Partial<LookupAllOptions>, answer: Answer): void {
  if (!host.endsWith('.played')) {
    real(host, options, answer);
    return;
  }
  process.nextTick(() => {
    if (isLost(host)) answer(notFound(host), '');
    else if (options.all) answer(null, [{ address: '127.0.0.1', family: 4 }]);
    else answer(null, '127.0.0.1', 4);
  });
}

const notFound = (host: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });

const isLost = (host: string): boolean =>
  existsSync(lost) && readFileSync(lost, 'utf8').split('\n').includes(host);

const { resolve4, resolve6 } = dns.promises.Resolver.prototype as unknown as Record<
  'resolve4' | 'resolve6',
  (host: string) => Promise<readonly string[]>
>;

/** What RKMS itself resolves names with. */
Object.assign(dns.promises.Resolver.prototype, {
  resolve4(host: string): Promise<readonly string[]> {
    if (!host.endsWith('.played')) return resolve4.call(this, host);
    return isLost(host) ? Promise.reject(notFound(host)) : Promise.resolve(['127.0.0.1']);
  },
  resolve6(host: string): Promise<readonly string[]> {
    return host.endsWith('.played') ? Promise.reject(notFound(host)) : resolve6.call(this, host);
  },
});
Object.assign(dns, { lookup });
syncBuiltinESMExports();
