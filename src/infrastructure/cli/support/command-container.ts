// The container of a command that works on the store without serving. What it opened is closed, however the command ends.
import { Container, type ContainerModule } from 'inversify';
import { ensurePrivateFolder } from '../../../adapters/files/private-files.js';
import type { Config } from '../../config/config.js';

/** Runs `act` with a container of `modules`, in a data folder that exists and is private. */
export async function withContainer<T>(
  config: Config,
  modules: readonly ContainerModule[],
  act: (container: Container) => Promise<T>,
): Promise<T> {
  ensurePrivateFolder(config.data_dir);
  const container = new Container();
  container.load(...modules);
  try {
    return await act(container);
  } finally {
    await container.unbindAllAsync();
  }
}
