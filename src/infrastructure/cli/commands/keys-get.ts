// `rkms keys get`: gives out one key that exists, by the same door as the service, with a line in the audit log that names
// whoever ran it. The key leaves in the form that was asked for, never by accident onto a terminal, and is wiped.
import { Option, type Command } from 'commander';
import { pino } from 'pino';
import { base64Length, writeBase64 } from '../../../adapters/system/base64-bytes.js';
import { keyBody } from '../../../adapters/http/keys/key-answer.js';
import type { ServedKey } from '../../../application/keys/get-data-key.js';
import type { Caller } from '../../../domain/access/caller.js';
import { everyId } from '../../../domain/access/id-pattern.js';
import { firstVersion, type KeyId, type KeyVersion } from '../../../domain/ids.js';
import { OperatorError } from '../../../ports/operator-error.js';
import type { Config } from '../../config/config.js';
import { bindAdapters, bindApplication, GuardedKeysService } from '../../wiring/container.js';
import { requireGenesis } from '../../startup/prepare-store.js';
import { withConfigOption, loadConfig, type ConfigOption } from '../support/command-config.js';
import { withContainer } from '../support/command-container.js';
import { addExamples } from '../support/examples.js';
import { keyIdOf, keyVersionOf } from '../support/arguments.js';
import { osAuthor } from '../support/os-author.js';
import { refusedAnswer } from '../support/refused-answer.js';

/** A person waits: longer than a request, and not for ever. */
const patienceMs = 10_000;

interface GetOptions extends ConfigOption {
  readonly version: KeyVersion;
  readonly base64?: true;
  readonly raw?: true;
  readonly json?: true;
  readonly toTerminal?: true;
}

/** Adds it to `keys`, the command that the commands about keys share. */
export function addKeysGet(command: Command): void {
  withConfigOption(command)
    .argument('<id>', 'the id of the key', keyIdOf)
    .option('--version <n>', 'the version of the key', keyVersionOf, firstVersion)
    .addOption(new Option('--base64', 'print the key as base64').conflicts(['raw', 'json']))
    .addOption(new Option('--raw', 'print the bytes of the key').conflicts('json'))
    .option('--json', 'print what the service would answer: {"id", "version", "key"}')
    .option('--to-terminal', 'print it even where people can see it');
  command.action(async (id: KeyId, options: GetOptions) => {
    if (!options.base64 && !options.raw && !options.json) {
      command.error('error: say how to print the key: --base64, --raw or --json');
    }
    if (process.stdout.isTTY && !options.toTerminal) {
      command.error(
        'error: a terminal would show the key: send it into a file or a program, or add --to-terminal',
      );
    }
    await get(id, options);
  });
  addExamples(command, [
    ['into a program, which is not shown here', 'rkms keys get orders/7 --base64 | wc -c'],
    ['into a file that nobody else may read', '(umask 077 && rkms keys get orders/7 --raw > orders-7.key)'],
  ]);
}

async function get(id: KeyId, options: GetOptions): Promise<void> {
  const config = loadConfig(options);
  const served = await opened(id, options.version, config);
  const bytes = formOf(served, options);
  served.key.wipe();
  try {
    await written(bytes);
  } finally {
    bytes.fill(0);
  }
}

function opened(id: KeyId, version: KeyVersion, config: Config): Promise<ServedKey> {
  const errors = pino({ level: 'error', base: null }, pino.destination({ dest: 2, sync: true }));
  return withContainer(config, [bindAdapters(config, errors), bindApplication(config)], async (container) => {
    await requireGenesis(container, config);
    const { caller, requestId } = osAuthor();
    // Those who may run this with the rights of the service may read every key; nobody makes one by looking.
    const grant = {
      source: 'command line',
      permissions: new Set(['read'] as const),
      ids: [everyId],
      deny: [],
    };
    const reader: Caller = { id: caller, method: 'command-line', grants: [grant] };
    if (version !== firstVersion) throw noVersion(id, version);
    const request = { caller: reader, id, requestId };
    const answer = await container.get(GuardedKeysService).get(request, AbortSignal.timeout(patienceMs));
    if (answer.isErr()) throw refusedAnswer(answer.error, requestId);
    return answer.value;
  });
}

const noVersion = (id: KeyId, version: KeyVersion): OperatorError =>
  new OperatorError(`there is no version ${version} of ${id}`, `rkms keys show ${id} says which there are`);

/** In memory of its own. */
function formOf(served: ServedKey, { base64, raw }: GetOptions): Buffer {
  if (!base64 && !raw) return keyBody(served);
  return served.key.reveal((plaintext) => {
    if (raw) return Buffer.alloc(plaintext.length, plaintext);
    const characters = base64Length(plaintext.length);
    const line = Buffer.alloc(characters + 1, '\n');
    writeBase64(plaintext, line.subarray(0, characters));
    return line;
  });
}

const written = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(bytes, (failure) => {
      if (failure) reject(failure);
      else resolve();
    });
  });
