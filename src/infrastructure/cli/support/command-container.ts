// The container of a command that works on the store without serving. What it opened is closed, however the command ends. Only
// `rkms init` and `rkms serve` create a store: a command that finds none must leave nothing behind.
import { existsSync, statSync } from 'node:fs';
import { Container, type ContainerModule } from 'inversify';
import { ensurePrivateFolder } from '../../../adapters/files/private-files.js';
import { requireOwnGenesis } from '../../startup/prepare-store.js';
import type { Config } from '../../config/config.js';

/** Runs `act` with a container of `modules`. Refuses a data folder that others can read, and a store that does not exist. */
export async function withContainer<T>(
  config: Config,
  modules: readonly ContainerModule[],
  act: (container: Container) => Promise<T>,
): Promise<T> {
  if (existsSync(config.data_dir)) ensurePrivateFolder(config.data_dir);
  if (config.store.kind === 'sqlite' && isMissing(config.store.path)) requireOwnGenesis(undefined, config);
  return withNewContainer(modules, act);
}

/** As `withContainer`, but may create the store. */
export async function withNewContainer<T>(
  modules: readonly ContainerModule[],
  act: (container: Container) => Promise<T>,
): Promise<T> {
  const container = new Container();
  container.load(...modules);
  try {
    return await act(container);
  } finally {
    await container.unbindAllAsync();
  }
}

/** SQLite makes a store of an empty file. */
const isMissing = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
