// `rkms keys show`: shows what the store holds for one id: versions, copies and the KMS keys that encrypt them. Opens no key;
// never prints a key, a ciphertext or a commitment.
import { pino } from 'pino';
import { findRecord, StoreCalls } from '../../../application/store/store-calls.js';
import {
  firstVersion,
  parseKeyVersion,
  type KeyId,
  type KeyVersion,
  type Region,
} from '../../../domain/ids.js';
import { copiesIn, type KeyRecord } from '../../../domain/keys/key-record.js';
import { recordFormat } from '../../../domain/keys/record-format.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { bindMaintenance, StoreCallsService } from '../../wiring/maintenance-bindings.js';
import { regionsOf } from '../../config/config.js';
import { bindAdapters } from '../../wiring/container.js';
import { KeyRepository } from '../../../ports/key-repository.js';
import { requireGenesis } from '../../startup/prepare-store.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { withContainer } from '../support/command-container.js';
import { osAuthor } from '../support/os-author.js';
import { paint } from '../support/paint.js';
import { refusedAnswer } from '../support/refused-answer.js';
import { textTable } from '../support/text-table.js';

/** For each read of the store. */
const readTimeoutMs = 10_000;

interface ShowOptions extends ConfigOption {
  readonly version?: KeyVersion;
  readonly json?: true;
}

/** One version as it is printed. */
interface ShownVersion {
  readonly version: number;
  readonly createdAt: string;
  readonly revision: number;
  readonly format: number;
  /** Every readable record has the commitment to its key. */
  readonly commitment: true;
  /** How many of the configured regions hold it, as `2/3`. */
  readonly copies: string;
  readonly regions: readonly ShownCopy[];
}

interface ShownCopy {
  readonly region: Region;
  readonly configured: boolean;
  readonly copy: 'present' | 'missing';
  readonly kmsKey?: string;
  readonly ciphertextBytes?: number;
}

export async function showKey(id: KeyId, options: ShowOptions): Promise<void> {
  const config = loadConfig(options);
  const modules = [bindAdapters(config, pino({ level: 'silent' })), bindMaintenance(config, osAuthor())];
  const records = await withContainer(config, modules, async (container) => {
    await requireGenesis(container.get(KeyRepository), config);
    return recordsOf(container.get(StoreCallsService), id, options.version);
  });
  if (records.length === 0) {
    const version = options.version === undefined ? '' : ` with version ${options.version}`;
    throw new OperatorError(`there is no key ${id}${version}`, 'rkms keys list shows the ids that exist');
  }
  const versions = records.map((record) => shownVersion(record, regionsOf(config)));
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ id, versions }, undefined, 2)}\n`
      : versions.map((each) => textOf(id, each)).join('\n'),
  );
}

/** All versions, or `only` this one. Versions have no gaps, so the first missing one ends the search. */
async function recordsOf(store: StoreCalls, id: KeyId, only?: KeyVersion): Promise<readonly KeyRecord[]> {
  const records: KeyRecord[] = [];
  for (let version = only ?? firstVersion; ;) {
    const record = await recordOf(store, id, version);
    if (record !== undefined) records.push(record);
    const next = parseKeyVersion(version + 1);
    if (record === undefined || only !== undefined || next.isErr()) return records;
    version = next.value;
  }
}

async function recordOf(store: StoreCalls, id: KeyId, version: KeyVersion): Promise<KeyRecord | undefined> {
  const bounds = AbortSignal.timeout(readTimeoutMs);
  const found = await store.read(findRecord(id, version), bounds);
  if (found.isErr()) throw refusedAnswer(found.error, '');
  return found.value;
}

function shownVersion(record: KeyRecord, configured: readonly Region[]): ShownVersion {
  const { version, createdAtMs, revision, ciphertexts } = record;
  const left = [...ciphertexts.keys()].filter((region) => !configured.includes(region));
  return {
    version,
    createdAt: new Date(createdAtMs).toISOString(),
    revision,
    format: recordFormat,
    commitment: true,
    copies: `${copiesIn(record, configured)}/${configured.length}`,
    regions: [...configured, ...left].map((region) => {
      const held = ciphertexts.get(region);
      const facts = held && { kmsKey: held.kmsKey, ciphertextBytes: held.bytes.length };
      return { region, configured: !left.includes(region), copy: held ? 'present' : 'missing', ...facts };
    }),
  };
}

function textOf(id: KeyId, { version, createdAt, revision, format, copies, regions }: ShownVersion): string {
  const title = `${paint('heading', id)} version ${version}: copies ${copies}, created ${createdAt}, revision ${revision}, format ${format}, commitment present\n`;
  const rows = regions.map(({ region, configured, copy, kmsKey = '', ciphertextBytes }) => [
    region,
    copy === 'present' ? paint('good', copy) : paint('bad', copy),
    configured ? 'yes' : paint('warning', 'no'),
    ciphertextBytes === undefined ? '' : String(ciphertextBytes),
    kmsKey,
  ]);
  return title + textTable(['REGION', 'COPY', 'CONFIGURED', 'BYTES', 'KMS KEY'], rows, { right: [3] });
}
