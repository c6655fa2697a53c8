// The last good copy of an issuer's keys in the data folder (0600), so that callers can still authenticate if RKMS restarts
// while the issuer is down. Write access to this file is enough to forge tokens, so a copy that is open to other users, or
// damaged, is never used.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../system/operator-error.js';
import { readPrivateFile, replacePrivateFile } from '../files/private-files.js';
import type { LastGood, LastGoodStore } from './key-set-source.js';

const copySchema = z.strictObject({ issuer: z.string(), readMs: z.number(), text: z.string() });

export class LastGoodFile implements LastGoodStore {
  readonly #path: string;
  #saved = '';

  constructor(
    folder: string,
    private readonly issuer: string,
    private readonly onProblem: (problem: OperatorError) => void,
  ) {
    const name = createHash('sha256').update(issuer).digest('hex').slice(0, 16);
    this.#path = join(folder, `issuer-${name}.json`);
  }

  load(): LastGood | undefined {
    const content = this.#reporting(() => readPrivateFile(this.#path));
    const copy = content && copySchema.safeParse(jsonOf(content)).data;
    return copy?.issuer === this.issuer ? copy : undefined;
  }

  /** On disk when this returns. A copy that cannot be written is reported to `onProblem`, and RKMS continues without it. */
  save({ readMs, text }: LastGood): void {
    const hour = Math.floor(readMs / 3_600_000);
    if (this.#saved === `${hour} ${text}`) return;
    this.#reporting(() => {
      replacePrivateFile(this.#path, JSON.stringify({ issuer: this.issuer, readMs, text }));
      this.#saved = `${hour} ${text}`;
    });
  }

  #reporting<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (problem) {
      if (!(problem instanceof OperatorError)) throw problem;
      this.onProblem(problem);
      return undefined;
    }
  }
}

function jsonOf(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    return undefined;
  }
}
