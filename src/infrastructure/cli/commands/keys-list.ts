// `rkms keys list`: lists every id in the store, page by page, so that memory does not grow with the store. Opens no key and
// never prints one.
import { okAsync } from 'neverthrow';
import { once } from 'node:events';
import { pino } from 'pino';
import { Scan, storedKeys, type ScanEnd } from '../../../application/maintenance/scan-keys.js';
import type { StoreReadFailure } from '../../../domain/failures/store-failures.js';
import { matchesId, type IdPattern } from '../../../domain/access/id-pattern.js';
import { parseKeyId, type Region } from '../../../domain/ids.js';
import { Clock } from '../../../ports/clock.js';
import type { PageEntry } from '../../../ports/key-repository.js';
import { bindMaintenance, StoreCallsService } from '../../wiring/maintenance-bindings.js';
import { regionsOf, type Config } from '../../config/config.js';
import { bindAdapters } from '../../wiring/container.js';
import { KeyRepository } from '../../../ports/key-repository.js';
import { requireGenesis } from '../../startup/prepare-store.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { withContainer } from '../support/command-container.js';
import { exitCodes } from '../support/exit-codes.js';
import { osAuthor } from '../support/os-author.js';
import { paint } from '../support/paint.js';
import { refusedAnswer } from '../support/refused-answer.js';

interface ListOptions extends ConfigOption {
  readonly prefix?: string;
  readonly pattern?: readonly IdPattern[];
  readonly limit?: number;
  readonly json?: true;
}

export async function listKeys(options: ListOptions): Promise<void> {
  const config = loadConfig(options);
  const listing = new Listing(options, regionsOf(config));
  const end = await scan(config, listing);
  if (end.kind === 'failed') throw refusedAnswer(end.failure, '');
  if (!options.json) await print(`${listing.listed === 1 ? '1 key' : `${listing.listed} keys`}.\n`);
  process.exitCode = listing.unreadable > 0 ? exitCodes.findings : exitCodes.ok;
}

function scan(config: Config, listing: Listing): Promise<ScanEnd<StoreReadFailure>> {
  const modules = [bindAdapters(config, pino({ level: 'silent' })), bindMaintenance(config, osAuthor())];
  return withContainer(config, modules, async (container) => {
    await requireGenesis(container.get(KeyRepository), config);
    // The total is not needed.
    const source = { ...storedKeys(container.get(StoreCallsService)), count: () => okAsync(undefined) };
    const keys = new Scan(source, container.get(Clock), { concurrency: 1, share: 1 });
    if (!listing.options.json) await print('VERSION  COPIES  CREATED            ID\n');
    return keys.run((entry) => listing.visit(entry), listing.full);
  });
}

class Listing {
  listed = 0;
  unreadable = 0;
  readonly full: AbortSignal;
  readonly #filled = new AbortController();

  constructor(
    readonly options: ListOptions,
    private readonly regions: readonly Region[],
  ) {
    this.full = this.#filled.signal;
  }

  async visit(entry: PageEntry): Promise<void> {
    const { limit = Infinity, json } = this.options;
    if (this.listed >= limit || !this.isWanted(entry.id)) return;
    this.listed += 1;
    if (entry.record.isErr()) this.unreadable += 1;
    await print(json ? this.line(entry) : this.row(entry));
    if (this.listed >= limit) this.#filled.abort();
  }

  private isWanted(name: string): boolean {
    const { prefix = '', pattern = [] } = this.options;
    if (!name.startsWith(prefix)) return false;
    const id = parseKeyId(name);
    return pattern.length === 0 || (id.isOk() && pattern.some((each) => matchesId(each, id.value)));
  }

  private line({ id, version, record }: PageEntry): string {
    const facts = record.match(
      ({ ciphertexts, createdAtMs }) => {
        const missing = this.regions.filter((region) => !ciphertexts.has(region));
        const copies = `${this.regions.length - missing.length}/${this.regions.length}`;
        return { copies, missing, createdAt: new Date(createdAtMs).toISOString() };
      },
      ({ detail }) => ({ unreadable: detail }),
    );
    return `${JSON.stringify({ id, version, ...facts })}\n`;
  }

  private row({ id, version, record }: PageEntry): string {
    const { regions } = this;
    const [copies, created, tone] = record.match(
      ({ ciphertexts, createdAtMs }) => {
        const count = regions.filter((region) => ciphertexts.has(region)).length;
        const at = `${new Date(createdAtMs).toISOString().slice(0, 16).replace('T', ' ')}Z`;
        return [`${count}/${regions.length}`, at, count === regions.length ? 'good' : 'warning'] as const;
      },
      () => ['-', 'unreadable', 'bad'] as const,
    );
    return `${String(version).padStart(7)}  ${paint(tone, copies.padEnd(6))}  ${created.padEnd(17)}  ${id}\n`;
  }
}

/** Waits when the reader of standard output is slower than the store. */
async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}
