// Resolves host names without occupying libuv's threads, which file work shares: `getaddrinfo` on a name server that hangs
// would stop every other name, the audit log and SQLite with it. One query per name at a time; the last good addresses are
// kept while DNS is down. Reads /etc/hosts, as `getaddrinfo` does; does not apply search domains: names are complete.
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { LookupAddress, LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Clock } from '../../ports/clock.js';

/** Addresses younger than this are used without a query (ms). AWS's endpoints have a TTL of 60 s or less. */
const freshMs = 60_000;
/** Addresses younger than this are used at once and renewed in the background (ms). */
const staleMs = 300_000;
/** How long one query to one name server may take, and how often it is sent (ms). */
const query = { timeout: 800, tries: 2 };

interface Known {
  readonly addresses: readonly LookupAddress[];
  readonly atMs: number;
}

/** Resolves one name to at least one address, or rejects with an error that has a `code`, as `ENOTFOUND`. */
export type ResolveName = (name: string) => Promise<readonly LookupAddress[]>;

export class NameResolver {
  /** :: name -> its last good addresses */
  private readonly known = new Map<string, Known>();
  private readonly pending = new Map<string, Promise<readonly LookupAddress[]>>();

  constructor(
    private readonly clock: Clock,
    private readonly resolve: ResolveName = resolveName,
  ) {}

  /** For `net.connect` and `tls.connect`. */
  readonly lookup: LookupFunction = (name, options, answer) => {
    this.addressesOf(name).then(
      (addresses) => {
        respond(name, addresses, options, answer);
      },
      (error: unknown) => {
        answer(error as NodeJS.ErrnoException, '');
      },
    );
  };

  /** The addresses of a name; last good ones while a renewal fails. */
  async addressesOf(name: string): Promise<readonly LookupAddress[]> {
    const known = this.known.get(name);
    const ageMs = known ? this.clock.monotonicMs() - known.atMs : Infinity;
    if (known && ageMs < freshMs) return known.addresses;
    const renewed = this.renew(name);
    if (known === undefined) return renewed;
    const lastGood = renewed.catch(() => known.addresses);
    return ageMs < staleMs ? known.addresses : lastGood;
  }

  private renew(name: string): Promise<readonly LookupAddress[]> {
    const pending = this.pending.get(name) ?? this.query(name);
    this.pending.set(name, pending);
    return pending;
  }

  private async query(name: string): Promise<readonly LookupAddress[]> {
    try {
      const addresses = await this.resolve(name);
      this.known.set(name, { addresses, atMs: this.clock.monotonicMs() });
      return addresses;
    } finally {
      this.pending.delete(name);
    }
  }
}

function respond(
  name: string,
  addresses: readonly LookupAddress[],
  { all, family }: LookupOptions,
  answer: Parameters<LookupFunction>[2],
): void {
  const wanted =
    family === 4 || family === 6 ? addresses.filter((each) => each.family === family) : addresses;
  const [first] = wanted;
  if (first === undefined) answer(notFound(name), '');
  else if (all === true) answer(null, [...wanted]);
  else answer(null, first.address, first.family);
}

/** IPv4 and IPv6 at once; the one answer that is there is enough. */
async function resolveName(name: string): Promise<readonly LookupAddress[]> {
  const listed = hostsEntries(name, await readFile('/etc/hosts', 'utf8').catch(() => ''));
  if (listed.length > 0) return listed;
  const resolver = new Resolver(query);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = [
    ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
    ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
  ];
  if (found.length > 0) return found;
  throw notFound(name, v4.status === 'rejected' ? v4.reason : undefined);
}

/** The addresses that a hosts file has for a name; `localhost` is loopback also without a file. */
export function hostsEntries(name: string, hosts: string): readonly LookupAddress[] {
  const wanted = name.toLowerCase();
  const lines = hosts.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  const found = lines
    .filter(([, ...names]) => names.some((each) => each.toLowerCase() === wanted))
    .map(([address = '']) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return found.length === 0 && wanted === 'localhost' ? [{ address: '127.0.0.1', family: 4 }] : found;
}

/** With the codes of `getaddrinfo`: a name server that refuses must not look like an endpoint that does. */
function notFound(name: string, cause?: unknown): NodeJS.ErrnoException {
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'ENOTFOUND';
  const code = reason === 'ENOTFOUND' || reason === 'ENODATA' ? 'ENOTFOUND' : 'EAI_AGAIN';
  return Object.assign(new Error(`no address for ${name} (${reason})`, { cause }), {
    code,
    syscall: 'query',
  });
}
