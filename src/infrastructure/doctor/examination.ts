// What every check of the doctor gets: the configuration, the machine and the options of the command.
import type { Config } from '../config/config.js';
import type { Machine } from './machine.js';

export interface Examination {
  readonly config: Config;
  readonly machine: Machine;
  /** How long the checks of one region, one issuer or the like may take together. */
  readonly limitMs: number;
  /** The process only reads keys: permissions to create keys are not needed. */
  readonly readsOnly: boolean;
}
