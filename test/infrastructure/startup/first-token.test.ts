// The first token: made once, readable by its owner alone, and one and the same for processes that start together.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeBearerToken } from '../../../src/adapters/tokens/bearer-token.js';
import { TokenAuthenticator } from '../../../src/adapters/tokens/token-authenticator.js';
import { TokenFile } from '../../../src/adapters/tokens/token-file.js';
import { parseConfig, type Config } from '../../../src/infrastructure/config/config.js';
import { ensureFirstToken, firstTokenPath } from '../../../src/infrastructure/startup/first-token.js';
import { ManualClock } from '../../support/manual-clock.js';
import { modeOf } from '../../support/served-process.js';

let folder: string;
let config: Config;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rkms-first-token-'));
  config = parseConfig(readFileSync('config/rkms.toml', 'utf8'), { RKMS_DATA_DIR: folder })._unsafeUnwrap();
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const ensure = (): void => {
  ensureFirstToken(config, ManualClock.startMs);
};
const text = (): string => readFileSync(firstTokenPath(config), 'utf8');
const callerOf = async (token: string): Promise<unknown> => {
  const clock = new ManualClock();
  const tokens = new TokenFile(config.auth.tokens_file, clock, () => undefined);
  return new TokenAuthenticator(tokens, clock).authenticate({ authorization: [`Bearer ${token.trimEnd()}`] });
};
const local = {
  value: {
    id: 'local',
    method: 'token',
    grants: [{ permissions: new Set(['read', 'create', 'operate', 'metrics']) }],
  },
};

describe('the first token', () => {
  it('may do everything, and only its owner may read it', async () => {
    ensure();
    expect(await callerOf(text())).toMatchObject(local);
    expect(modeOf(firstTokenPath(config))).toBe('0600');
    expect(readFileSync(config.auth.tokens_file, 'utf8')).not.toContain(text().slice(18, 61));
  });

  it('is made once', () => {
    ensure();
    const [first, tokens] = [text(), readFileSync(config.auth.tokens_file, 'utf8')];
    ensure();
    expect([text(), readFileSync(config.auth.tokens_file, 'utf8')]).toEqual([first, tokens]);
  });

  it('is the one whose text is there already: of a start that was cut off, or of one at the same moment', async () => {
    const other = `${makeBearerToken().text}\n`;
    writeFileSync(firstTokenPath(config), other, { mode: 0o600 });
    ensure();
    expect(text()).toBe(other);
    expect(await callerOf(other)).toMatchObject(local);
  });

  it.each(['', 'rkms_', 'not a token'])('is refused where its file holds none: "%s"', (content) => {
    writeFileSync(firstTokenPath(config), content, { mode: 0o600 });
    expect(ensure).toThrow(`the file ${firstTokenPath(config)} holds no token`);
  });
});
