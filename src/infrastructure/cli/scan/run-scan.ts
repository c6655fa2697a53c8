// Runs a scan over all keys of the store, or of another store, for a command: checks that the store belongs to this
// deployment, shows progress, stops cleanly on a signal, keeps a checkpoint, prints the report. The command decides what is
// done with a key.
import type { Container, ContainerModule } from 'inversify';
import type { Logger } from 'pino';
import { readMasterKey, readOrInventMasterKey } from '../../../adapters/local-kms/master-keys.js';
import { failureFacts } from '../../../adapters/pino/log-facts.js';
import { Scan, type ScanSource } from '../../../application/maintenance/scan-keys.js';
import { emptyTally, tallied, type Finding, type Tally } from '../../../application/maintenance/tally.js';
import type { StoreReadFailure } from '../../../domain/failures/store-failures.js';
import { Clock } from '../../../ports/clock.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import type { Config } from '../../config/config.js';
import { AwsClients, bindAdapters, bindApplication, Supervisor } from '../../wiring/container.js';
import { KeyRepository } from '../../../ports/key-repository.js';
import { requireKnownKeys } from '../../startup/known-keys-check.js';
import { requireTables } from '../../startup/check-tables.js';
import { requireReadableStore, requireStore } from '../../startup/prepare-store.js';
import { replicasOf } from '../../wiring/store-bindings.js';
import { withContainer } from '../support/command-container.js';
import { errorLog } from '../support/error-log.js';
import { exitCodes, type ExitCode } from '../support/exit-codes.js';
import {
  deleteCheckpoint,
  loadCheckpoint,
  checkpointPath,
  saveCheckpoint,
  scanIdentity,
} from './checkpoint.js';
import { scanSettings, type ScanOptions } from './scan-options.js';
import { showProgress } from './scan-progress.js';
import { jsonReport, textReport, type ReportTexts } from './scan-report.js';

/** What happened to one entry. */
export interface Visited {
  readonly finding: Finding;
  /** The entry's line with `--json`; absent when there is nothing to say about it. */
  readonly line?: object | undefined;
}

/** What a command does with the entries of a store. */
export interface ScanJob<Entry> {
  readonly command: string;
  /** The options that decide what is done with each entry: a checkpoint holds only for the same ones. */
  readonly choices: string;
  /** Whether the command may write to the store: then the table must be proven to suit its mode. */
  readonly writes: boolean;
  /** Whether it may create keys: then the store must have the keys that the audit log names. */
  readonly creates?: boolean;
  readonly modules: readonly ContainerModule[];
  readonly source: (container: Container) => ScanSource<Entry, StoreReadFailure>;
  /** The signal never fires: every call has its own time limit, and a stopped scan finishes the visits in flight. */
  readonly visit: (container: Container) => (entry: Entry, signal: AbortSignal) => Promise<Visited>;
  readonly texts: ReportTexts;
  /** Whether the command ends with 0, once the scan is finished. */
  readonly isOk: (tally: Tally) => boolean;
}

/** The checkpoint is also written while the scan runs, in case the process is killed. */
const saveEveryMs = 10_000;

/**
 * Prints the report to stdout, everything else to stderr. Without a checkpoint in the data folder, or without --resume, it
 * starts from the beginning; the checkpoint is deleted when the scan finishes.
 */
export async function runScan<Entry>(
  config: Config,
  options: ScanOptions,
  job: ScanJob<Entry>,
): Promise<ExitCode> {
  const errors = errorLog();
  const masterKeyOf = job.writes ? readMasterKey : readOrInventMasterKey;
  const modules = [bindAdapters(config, errors, masterKeyOf), bindApplication(config), ...job.modules];
  return withContainer(config, modules, (container) => scan(container, config, options, job, errors));
}

async function scan<Entry>(
  container: Container,
  config: Config,
  options: ScanOptions,
  job: ScanJob<Entry>,
  errors: Logger,
): Promise<ExitCode> {
  if (job.writes) await requireTables(replicasOf(container), config, container.get(AwsClients), errors);
  const repository = container.get(KeyRepository);
  const genesis = await (job.writes ? requireStore : requireReadableStore)(repository, config);
  if (job.creates === true) await requireKnownKeys(repository, config, genesis);
  const identity = scanIdentity(job.command, config, genesis, job.choices);
  const path = checkpointPath(config, job.command);
  const earlier = options.resume === true ? loadCheckpoint(path, identity) : undefined;
  if (options.resume === true && !earlier) print('there is no checkpoint: starting from the beginning');
  let tally = earlier?.tally ?? emptyTally;
  const settings = { ...scanSettings(options), ...(earlier && { from: earlier.position }) };
  const keys = new Scan(job.source(container), container.get(Clock), settings);
  const save = (): void => {
    try {
      saveCheckpoint(path, identity, { position: keys.position(), tally });
    } catch (cause) {
      // The scan itself does not need the checkpoint.
      if (!(cause instanceof OperatorError)) throw cause;
      errors.error({ problem: cause.message }, 'the checkpoint cannot be written');
    }
  };
  const visit = job.visit(container);
  const { signal: never } = new AbortController();
  const visitAndCount = async (entry: Entry): Promise<void> => {
    const { finding, line } = await visit(entry, never);
    // Tally and position change in the same turn of the event loop, so that no checkpoint holds only one of them.
    tally = tallied(tally, finding);
    if (options.json === true && line) process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  const stopping = stopOnSignals(save);
  const closing = [
    showProgress(() => keys.progress(), errors.child({}, { level: 'info' })),
    every(saveEveryMs, save),
    supervise(container),
    stopping.forget,
  ];
  const end = await keys.run(visitAndCount, stopping.signal).finally(() => {
    for (const close of closing) close();
  });
  const finished = end.kind === 'finished';
  if (finished) deleteCheckpoint(path);
  else save();
  const isOk = job.isOk(tally);
  process.stdout.write(
    options.json === true ? jsonReport(tally, finished, isOk) : textReport(tally, finished, job.texts),
  );
  switch (end.kind) {
    case 'finished':
      return isOk ? exitCodes.ok : exitCodes.findings;
    case 'stopped':
      print('stopped before the end; continue with --resume');
      return exitCodes.stopped;
    case 'failed':
      errors.error(failureFacts(end.failure), 'the store cannot be read; continue with --resume');
      return exitCodes.failed;
  }
}

function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  return () => {
    clearInterval(timer);
  };
}

/** Probes the regions and orders them by health, as a serving process does. */
function supervise(container: Container): () => void {
  const supervision = container.get(Supervisor).order$.subscribe();
  return () => {
    supervision.unsubscribe();
  };
}

/** HUP: the terminal was closed. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first signal stops the scan after the visits in flight; the second one saves and exits at once. */
function stopOnSignals(save: () => void): { readonly signal: AbortSignal; readonly forget: () => void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) {
      save();
      process.exit(exitCodes.stopped);
    }
    print('stopping after the keys in progress; press Ctrl-C again to stop at once');
    controller.abort();
  };
  for (const name of stopSignals) process.on(name, stop);
  return {
    signal: controller.signal,
    forget: () => {
      for (const name of stopSignals) process.off(name, stop);
    },
  };
}

const print = (line: string): void => {
  process.stderr.write(`rkms: ${line}\n`);
};
