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
    if (existsSync(lost) && readFileSync(lost, 'utf8').split('\n').includes(host)) answer(notFound(host), '');
    else if (options.all) answer(null, [{ address: '127.0.0.1', family: 4 }]);
    else answer(null, '127.0.0.1', 4);
  });
}

const notFound = (host: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });

Object.assign(dns, { lookup });
syncBuiltinESMExports();
