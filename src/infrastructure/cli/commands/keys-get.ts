// `rkms keys get`: prints one existing key, through the same authorization and audit as the service; the audit entry names the
// user of the operating system. Never creates a key, never prints one to a terminal by accident, and wipes it from memory.
import type { Command } from 'commander';
import { base64Length, writeBase64 } from '../../../adapters/system/base64-bytes.js';
import { keyBody } from '../../../adapters/http/keys/key-answer.js';
import type { ServedKey } from '../../../application/keys/served-key.js';
import type { Caller } from '../../../domain/access/caller.js';
import { everyId } from '../../../domain/access/id-pattern.js';
import { firstVersion, type KeyId, type KeyVersion } from '../../../domain/ids.js';
import { OperatorError } from '../../../adapters/system/operator-error.js';
import type { Config } from '../../config/config.js';
import { bindAdapters, bindApplication } from '../../wiring/container.js';
import { GuardedKeysService } from '../../wiring/key-bindings.js';
import { KeyRepository } from '../../../ports/key-repository.js';
import { requireGenesis } from '../../startup/prepare-store.js';
import { loadConfig } from '../support/command-config.js';
import type { ConfigOption } from '../support/declare.js';
import { withContainer } from '../support/command-container.js';
import { errorLog } from '../support/error-log.js';
import { osAuthor } from '../support/os-author.js';
import { refusedAnswer } from '../support/refused-answer.js';

/** Longer than a request of the service may take: a person waits for it. */
const openTimeoutMs = 10_000;

interface GetOptions extends ConfigOption {
  readonly version: KeyVersion;
  readonly base64?: true;
  readonly raw?: true;
  readonly json?: true;
  readonly toTerminal?: true;
}

export async function getKey(id: KeyId, options: GetOptions, command: Command): Promise<void> {
  if (!options.base64 && !options.raw && !options.json) {
    command.error('error: choose how to print the key: --base64, --raw or --json');
  }
  if (process.stdout.isTTY && !options.toTerminal) {
    command.error(
      'error: a terminal would show the key: redirect it to a file or a program, or add --to-terminal',
    );
  }
  const config = loadConfig(options);
  const served = await openKey(id, options.version, config);
  const bytes = encode(served, options);
  served.key.wipe();
  try {
    await print(bytes);
  } finally {
    bytes.fill(0);
  }
}

function openKey(id: KeyId, version: KeyVersion, config: Config): Promise<ServedKey> {
  const errors = errorLog();
  return withContainer(config, [bindAdapters(config, errors), bindApplication(config)], async (container) => {
    await requireGenesis(container.get(KeyRepository), config);
    const { caller, requestId } = osAuthor();
    // Who can run this with the permissions of the service could read every key anyway. Without `create`, no key is created.
    const grant = {
      source: 'command line',
      permissions: new Set(['read'] as const),
      ids: [everyId],
      deny: [],
    };
    const reader: Caller = { id: caller, method: 'command-line', grants: [grant] };
    if (version !== firstVersion) throw noVersion(id, version);
    const request = { caller: reader, id, requestId };
    const answer = await container.get(GuardedKeysService).get(request, AbortSignal.timeout(openTimeoutMs));
    if (answer.isErr()) throw refusedAnswer(answer.error, requestId);
    return answer.value;
  });
}

const noVersion = (id: KeyId, version: KeyVersion): OperatorError =>
  new OperatorError(
    `there is no version ${version} of ${id}`,
    `rkms keys show ${id} shows the versions that exist`,
  );

/** A copy that the caller must overwrite with zeros. */
function encode(served: ServedKey, { base64, raw }: GetOptions): Buffer {
  if (!base64 && !raw) return keyBody(served);
  return served.key.reveal((plaintext) => {
    if (raw) return Buffer.alloc(plaintext.length, plaintext);
    const characters = base64Length(plaintext.length);
    const line = Buffer.alloc(characters + 1, '\n');
    writeBase64(plaintext, line.subarray(0, characters));
    return line;
  });
}

const print = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(bytes, (failure) => {
      if (failure) reject(failure);
      else resolve();
    });
  });
