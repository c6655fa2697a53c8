// Reads a configuration file, or says why it cannot be read.
import { readFileSync } from 'node:fs';
import { codeOf } from '../../adapters/files/private-files.js';
import { OperatorError } from '../../adapters/system/operator-error.js';

/** The text of a configuration file. */
export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OperatorError(
      `the configuration ${path} cannot be read (${codeOf(cause)})`,
      'name it with --config or RKMS_CONFIG',
      { cause },
    );
  }
}
