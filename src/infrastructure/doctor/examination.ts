// What one run of the doctor is about, handed to every check.
import type { Config } from '../config/config.js';
import type { Machine } from './machine.js';

export interface Examination {
  readonly config: Config;
  readonly machine: Machine;
  /** How long the checks of one region, one issuer or the like may take together. */
  readonly limitMs: number;
  /** The process is to read keys and not to make any: rights to do so are not missed. */
  readonly readsOnly: boolean;
}
