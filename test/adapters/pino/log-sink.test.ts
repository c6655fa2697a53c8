// The log sink: it never blocks, and its queue is bounded.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LogSink } from '../../../src/adapters/pino/log-sink.js';
import { until } from '../../support/until.js';

let folder: string;
let pipe: number;
let pipes = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rkms-log-'));
});
beforeEach(() => {
  // A pipe of its own for each test: what one gave up may still be on its way.
  pipes += 1;
  const path = join(folder, `pipe-${pipes}`);
  execFileSync('mkfifo', [path]);
  pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
});
afterEach(() => {
  closeSync(pipe);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const sinkTo = (fd: number, maxQueued = 1_000_000): LogSink =>
  new LogSink({ fd, maxQueued, closeTimeoutMs: 100, droppedLine: (count) => `${count} dropped\n` });

/** All that is in the pipe now. */
function read(): string {
  const chunk = Buffer.alloc(65_536);
  try {
    return chunk.toString('utf8', 0, readSync(pipe, chunk));
  } catch {
    return '';
  }
}

const lineOf = (index: number): string => `${String(index).padStart(999, '.')}\n`;
const write = (sink: LogSink, count: number): void => {
  for (let index = 0; index < count; index += 1) sink.write(lineOf(index));
};

describe('a log with a reader', () => {
  it('has every line in order after close, and no later line', async () => {
    const sink = sinkTo(pipe);
    write(sink, 50);
    await sink.close();
    sink.write('later\n');
    await sink.close();
    expect(read()).toBe(Array.from({ length: 50 }, (_, index) => lineOf(index)).join(''));
  });

  it('has a line soon, also one that comes while others are written', async () => {
    const sink = sinkTo(pipe);
    let text = '';
    for (const part of ['first\n', lineOf(0).repeat(9), 'last\n']) {
      sink.write(part);
      await new Promise(setImmediate);
    }
    await until(() => {
      text += read();
      return text.endsWith('last\n');
    });
    expect(text).toBe(`first\n${lineOf(0).repeat(9)}last\n`);
    await sink.close();
  });

  it('can be a file', async () => {
    const file = join(folder, 'file');
    const sink = sinkTo(openSync(file, 'a'));
    write(sink, 2);
    await sink.close();
    expect(readFileSync(file, 'utf8')).toBe(lineOf(0) + lineOf(1));
  });
});

describe('a log on a full disk', () => {
  it('does not keep the process from exiting', () => {
    const compiled = pathToFileURL(resolve('dist/src/adapters/pino/log-sink.js')).href;
    const script = `
      import { LogSink } from ${JSON.stringify(compiled)};
      const sink = new LogSink({ fd: 2, maxQueued: 1000, closeTimeoutMs: 50, droppedLine: () => '' });
      sink.write('a line\\n');
      setImmediate(() => sink.close().then(() => process.exit(7)));`;
    const full = openSync('/dev/full', 'w');
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', full],
      timeout: 20_000,
    });
    closeSync(full);
    expect([ended.status, ended.signal]).toEqual([7, null]);
  });
});

describe('a log without a reader', () => {
  it('does not block: writing returns, and close returns within its time limit', async () => {
    const sink = sinkTo(pipe);
    write(sink, 200);
    await sink.close();
    const { length } = read();
    expect([length > 0, length <= 65_536]).toEqual([true, true]);
  });

  it('keeps what fits, and reports the number of dropped lines once it is read again', async () => {
    const sink = sinkTo(pipe, 10_000);
    write(sink, 200);
    let text = '';
    await until(() => {
      text += read();
      return text.includes('dropped');
    });
    await sink.close();
    const lines = (text + read()).split('\n').filter((line) => line !== '');
    const dropped = lines.flatMap((line) => /^(\d+) dropped$/.exec(line)?.[1] ?? []).map(Number);
    const kept = lines.length - dropped.length;
    expect(kept).toBeLessThan(100);
    expect(kept + dropped.reduce((sum, count) => sum + count, 0)).toBe(200);
  });
});
