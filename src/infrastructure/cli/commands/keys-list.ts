// `rkms keys list`: every id in the store, page by page as it is read, so that memory does not grow with the store. Opens
// nothing and never prints a key.
import { InvalidArgumentError, type Command } from 'commander';
import { okAsync } from 'neverthrow';
import { once } from 'node:events';
import { pino } from 'pino';
import { Scan, storedKeys, type ScanEnd } from '../../../application/maintenance/scan-keys.js';
import type { StoreReadFailure } from '../../../domain/failures/store-failures.js';
import { matchesId, parseIdPattern, type IdPattern } from '../../../domain/access/id-pattern.js';
import { parseKeyId, type Region } from '../../../domain/ids.js';
import { Clock } from '../../../ports/clock.js';
import type { PageEntry } from '../../../ports/key-repository.js';
import { bindMaintenance, StoreCallsService } from '../../wiring/maintenance-bindings.js';
import { regionsOf, type Config } from '../../config/config.js';
import { bindAdapters } from '../../wiring/container.js';
import { requireGenesis } from '../../startup/prepare-store.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { withContainer } from '../support/command-container.js';
import { addExamples } from '../support/examples.js';
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

/** Adds it to `keys`, the command that the commands about keys share. */
export function addKeysList(command: Command): void {
  withConfigOption(command)
    .option('--prefix <text>', 'only ids that begin so')
    .option('--pattern <pattern>', 'only ids that match, as billing/*; may be repeated', patternsOf)
    .option('--limit <n>', 'stop after so many', limitOf)
    .option('--json', 'print JSON lines, one for each key')
    .action(list);
  addExamples(command, [
    ['the keys of billing', "rkms keys list --pattern 'billing/**'"],
    ['the first ten, for a program', 'rkms keys list --limit 10 --json'],
  ]);
}

async function list(options: ListOptions): Promise<void> {
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
    await requireGenesis(container, config);
    // How many there are is of no use here.
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

/** Waits where whoever reads is slower than the store. */
async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

function patternsOf(text: string, before: readonly IdPattern[] = []): readonly IdPattern[] {
  const pattern = parseIdPattern(text);
  if (pattern.isOk()) return [...before, pattern.value];
  throw new InvalidArgumentError(`Expected ${pattern.error.expected}.`);
}

function limitOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1 to 999999999.');
}
