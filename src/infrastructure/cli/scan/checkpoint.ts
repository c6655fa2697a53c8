// Where a walk was stopped, in a file (0600) in the data folder. It names the store and what the walk was for, and is never
// applied to another: a cursor in the wrong table would leave keys out without a word.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readPrivateFile, replacePrivateFile } from '../../../adapters/files/private-files.js';
import type { ScanPosition } from '../../../application/maintenance/scan-keys.js';
import type { Genesis } from '../../../domain/keys/genesis.js';
import { OperatorError } from '../../../ports/operator-error.js';
import { regionsOf, type Config } from '../../config/config.js';

/** What must be the same for a walk to go on. */
export interface ScanIdentity {
  readonly command: string;
  readonly store: string;
  readonly deployment: string;
  readonly createdAtMs: number;
  readonly regions: readonly string[];
  /** The options that decide what is done with each key, as text. */
  readonly choices: string;
}

export interface Checkpoint<Tally> {
  readonly point: ScanPosition;
  readonly tally: Tally;
}

const shape = z.object({
  identity: z.record(z.string(), z.unknown()),
  point: z.object({ after: z.string().optional(), named: z.array(z.string()), count: z.number() }),
  tally: z.unknown(),
});

export function walkIdentity(
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
  join(config.data_dir, `${command}.resume.json`);

/** The point of an earlier walk with this identity, or undefined when none was stopped. Refuses another walk's. */
export function loadCheckpoint<Tally>(path: string, identity: ScanIdentity): Checkpoint<Tally> | undefined {
  const content = readPrivateFile(path);
  if (content === undefined) return undefined;
  const parsed = shape.safeParse(parseJson(content.toString()));
  if (!parsed.success) throw refused(`the file ${path} holds no point to resume from`);
  const { identity: found, point, tally } = parsed.data;
  if (JSON.stringify(found) !== JSON.stringify(identity)) {
    throw refused(
      `the walk that ${path} belongs to was over another store, or with other regions or options`,
    );
  }
  const { after, named, count } = point;
  return { point: { ...(after !== undefined && { after }), named, count }, tally: tally as Tally };
}

export function saveCheckpoint<Tally>(path: string, identity: ScanIdentity, resume: Checkpoint<Tally>): void {
  replacePrivateFile(path, `${JSON.stringify({ identity, ...resume })}\n`);
}

export const deleteCheckpoint = (path: string): void => {
  rmSync(path, { force: true });
};

const refused = (problem: string): OperatorError =>
  new OperatorError(problem, 'run the command without --resume: it begins anew');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
