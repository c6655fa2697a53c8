// Runs a walk over all keys of the store, or of another one, for a command: looks that the store is ours, shows progress,
// stops cleanly on a signal, and keeps the point to resume from. What is done with a key is the command's affair.
import type { Container, ContainerModule } from 'inversify';
import { pino, type Logger } from 'pino';
import { failureFacts } from '../../../adapters/pino/log-facts.js';
import { Walk, type ScanSource } from '../../../application/maintenance/scan-keys.js';
import type { StoreReadFailure } from '../../../domain/failures/store-failures.js';
import { Clock } from '../../../ports/clock.js';
import { OperatorError } from '../../../ports/operator-error.js';
import type { Config } from '../../config/config.js';
import { bindAdapters, bindApplication, Supervisor } from '../../wiring/container.js';
import { requireStore } from '../../startup/prepare-store.js';
import { withContainer } from '../support/command-container.js';
import { exitCodes, type ExitCode } from '../support/exit-codes.js';
import {
  deleteCheckpoint,
  loadCheckpoint,
  checkpointPath,
  saveCheckpoint,
  walkIdentity,
} from './checkpoint.js';
import { scanSettings, type ScanOptions } from './scan-options.js';
import { showProgress } from './scan-progress.js';

/** What a command does with the keys. */
export interface ScanJob<Tally, Entry> {
  readonly command: string;
  /** The options that decide what is done with each key. */
  readonly choices: string;
  readonly modules: readonly ContainerModule[];
  readonly empty: Tally;
  /** What is walked over. */
  readonly source: (container: Container) => ScanSource<Entry, StoreReadFailure>;
  /** Visits one key; `note` takes what was found, in one step. */
  readonly visit: (
    container: Container,
  ) => (entry: Entry, note: (change: (tally: Tally) => Tally) => void) => Promise<void>;
  readonly report: (tally: Tally, isWhole: boolean) => string;
  readonly isWell: (tally: Tally) => boolean;
}

/** How often the point to resume from is written while the walk goes on. */
const saveMs = 10_000;

export async function runScan<Tally, Entry>(
  config: Config,
  options: ScanOptions,
  job: ScanJob<Tally, Entry>,
): Promise<ExitCode> {
  const errors = pino({ level: 'error', base: null }, pino.destination({ dest: 2, sync: true }));
  const modules = [bindAdapters(config, errors), bindApplication(config), ...job.modules];
  return withContainer(config, modules, (container) => walk(container, config, options, job, errors));
}

async function walk<Tally, Entry>(
  container: Container,
  config: Config,
  options: ScanOptions,
  job: ScanJob<Tally, Entry>,
  errors: Logger,
): Promise<ExitCode> {
  const identity = walkIdentity(job.command, config, await requireStore(container, config), job.choices);
  const path = checkpointPath(config, job.command);
  const earlier = options.resume === true ? loadCheckpoint<Tally>(path, identity) : undefined;
  if (options.resume === true && earlier === undefined) tell('nothing was stopped: this walk begins anew');
  let tally = earlier?.tally ?? job.empty;
  const settings = { ...scanSettings(options), ...(earlier && { from: earlier.point }) };
  const keys = new Walk(job.source(container), container.get(Clock), settings);
  const save = (): void => {
    try {
      saveCheckpoint(path, identity, { point: keys.point(), tally });
    } catch (cause) {
      // The walk itself does not need it.
      if (!(cause instanceof OperatorError)) throw cause;
      errors.error({ problem: cause.message }, 'the point to resume from cannot be kept');
    }
  };
  const visit = job.visit(container);
  const closing = [
    showProgress(() => keys.progress(), errors.child({}, { level: 'info' })),
    every(saveMs, save),
    supervise(container),
  ];
  const stopping = stopOnSignals(save);
  closing.push(stopping.forget);
  const end = await keys
    .run((entry) => visit(entry, (change) => (tally = change(tally))), stopping.signal)
    .finally(() => {
      for (const close of closing) close();
    });
  if (end.kind === 'finished') deleteCheckpoint(path);
  else save();
  process.stdout.write(job.report(tally, end.kind === 'finished'));
  switch (end.kind) {
    case 'finished':
      return job.isWell(tally) ? exitCodes.ok : exitCodes.findings;
    case 'stopped':
      tell('stopped before the end; --resume goes on from here');
      return exitCodes.stopped;
    case 'failed':
      errors.error(failureFacts(end.failure), 'the store cannot be read; --resume goes on from here');
      return exitCodes.failed;
  }
}

function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  return () => {
    clearInterval(timer);
  };
}

/** Learns how the regions are, as a served process does. */
function supervise(container: Container): () => void {
  const supervision = container.get(Supervisor).order$.subscribe();
  return () => {
    supervision.unsubscribe();
  };
}

/** The first signal ends the walk after what is under way; a second one ends it at once, after `save`. */
function stopOnSignals(save: () => void): { readonly signal: AbortSignal; readonly forget: () => void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) {
      save();
      process.exit(exitCodes.stopped);
    }
    tell('stopping after what is under way; once more to end at once');
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    forget: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}

const tell = (line: string): void => {
  process.stderr.write(`rkms: ${line}\n`);
};
