// Where a scan was stopped, and its tally so far, in a file (0600) in the data folder. It names the store and the options,
// and is never applied to another scan: a position in the wrong table would silently skip keys.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import {
  ensurePrivateFolder,
  readPrivateFile,
  replacePrivateFile,
} from '../../../adapters/files/private-files.js';
import type { ScanPosition } from '../../../application/maintenance/scan-keys.js';
import type { Tally } from '../../../application/maintenance/tally.js';
import type { Genesis } from '../../../domain/keys/genesis.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import { regionsOf, type Config } from '../../config/config.js';

/** What must be the same for a scan to continue from a checkpoint. */
export interface ScanIdentity {
  readonly command: string;
  readonly store: string;
  readonly deployment: string;
  readonly createdAtMs: number;
  readonly regions: readonly string[];
  /** The options that decide what is done with each key, as text. */
  readonly choices: string;
}

/** Position and tally belong together: a later run adds to the tally only entries after the position. */
export interface Checkpoint {
  readonly position: ScanPosition;
  readonly tally: Tally;
}

const counts = z.record(z.string(), z.number());
// The file may be damaged or from another version: nothing in it is used unless all of it has this shape.
const shape = z.object({
  identity: z.record(z.string(), z.unknown()),
  position: z.object({ after: z.string().optional(), visited: z.array(z.string()), done: z.number() }),
  tally: z.object({
    checked: z.number(),
    outcomes: counts,
    problems: z.record(z.string(), z.object({ count: z.number(), first: z.array(z.string()) })),
    regions: z.record(z.string(), counts),
  }),
});

/** `createdAtMs` is that of the genesis record, so that a store created anew under the same name is another store. */
export function scanIdentity(
  command: string,
  config: Config,
  { createdAtMs }: Genesis,
  choices: string,
): ScanIdentity {
  const { store, deployment } = config;
  const name =
    store.kind === 'sqlite'
      ? `sqlite ${store.path}`
      : `dynamodb ${store.regions.map((each) => each.name).join(' ')} ${store.table}`;
  return { command, store: name, deployment, createdAtMs, regions: regionsOf(config), choices };
}

export const checkpointPath = (config: Config, command: string): string =>
  join(config.data_dir, `${command}.checkpoint.json`);

/** The checkpoint of this scan; undefined when there is none. Throws an OperatorError for another scan's checkpoint. */
export function loadCheckpoint(path: string, identity: ScanIdentity): Checkpoint | undefined {
  const content = readPrivateFile(path);
  if (content === undefined) return undefined;
  const parsed = shape.safeParse(parseJson(content.toString()));
  if (!parsed.success) throw refused(`the file ${path} is not a checkpoint`);
  const { identity: found, position, tally } = parsed.data;
  if (JSON.stringify(found) !== JSON.stringify(identity)) {
    throw refused(`the checkpoint ${path} is from a run with another store, other regions or other options`);
  }
  const { after, visited, done } = position;
  return { position: { ...(after !== undefined && { after }), visited, done }, tally };
}

/** Replaces the file atomically. Throws an OperatorError when it cannot be written. */
export function saveCheckpoint(path: string, identity: ScanIdentity, checkpoint: Checkpoint): void {
  ensurePrivateFolder(dirname(path));
  replacePrivateFile(path, `${JSON.stringify({ identity, ...checkpoint })}\n`);
}

/** Not an error when there is none. */
export const deleteCheckpoint = (path: string): void => {
  rmSync(path, { force: true });
};

const refused = (problem: string): OperatorError =>
  new OperatorError(problem, 'run the command without --resume to start from the beginning');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
