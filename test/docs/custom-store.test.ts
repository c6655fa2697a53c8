// What docs/custom-store.md promises: its store is this file's neighbour to the letter, keeps the contract, and serves keys
// once it is bound in the five lines that the page shows.
import { afterEach, describe, expect, test } from '@jest/globals';
import { Container } from 'inversify';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { keyRepositoryContract } from 'rkms/contracts/key-repository-contract';
import { parseConfig } from 'rkms/config';
import { bindAdapters, bindApplication } from 'rkms/container';
import { initialiseStore } from 'rkms/initialise-store';
import { startService } from 'rkms/service';
import { Clock } from 'rkms/ports/clock';
import { KeyRepository } from 'rkms/ports/key-repository';
import { JsonFileKeyRepository } from './json-file-key-repository.js';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rkms-custom-store-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('the store of docs/custom-store.md', () => {
  const page = readFileSync('docs/custom-store.md', 'utf8');

  test('stands in the page to the letter', () => {
    expect(page).toContain(readFileSync('test/docs/json-file-key-repository.ts', 'utf8'));
  });

  for (const promise of keyRepositoryContract(() =>
    Promise.resolve({ subject: new JsonFileKeyRepository(join(newFolder(), 'keys.json')) }),
  )) {
    test(promise.name, promise.run);
  }

  test('serves keys once it is bound', async () => {
    const folder = newFolder();
    const toml = `${readFileSync('config/rkms.toml', 'utf8').replace('./data', folder)}\n[server]\nport = 0\n[operations]\nport = 0\n`;
    const config = parseConfig(toml)._unsafeUnwrap();
    const logger = pino({ level: 'silent' });

    const container = new Container();
    container.load(bindAdapters(config, logger), bindApplication(config));
    const repository = new JsonFileKeyRepository(join(folder, 'keys.json'));
    container.rebind(KeyRepository).toConstantValue(repository);
    await initialiseStore({ repository, clock: container.get(Clock) }, config);
    const service = await startService(container, config, logger);

    const token = readFileSync(join(folder, 'token'), 'utf8').trim();
    const get = (): Promise<Response> =>
      fetch(`${service.url}/key?id=orders/7`, { headers: { Authorization: `Bearer ${token}` } });
    const first = await (await get()).json();
    const second = await (await get()).json();
    await service.stop();

    expect(first).toEqual(second);
    expect(readFileSync(join(folder, 'keys.json'), 'utf8')).toContain('orders/7 1');
  });
});

test('every name that the package exports is a source file', () => {
  const { exports: exported } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  const sources = Object.values(exported)
    .filter((path) => path.startsWith('./dist/'))
    .map((path) => path.replace('./dist/', '').replace(/\.js$/, '.ts'));
  expect(sources.length).toBeGreaterThan(0);
  expect(sources.filter((path) => !existsSync(path))).toEqual([]);
});
