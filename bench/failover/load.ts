// The callers: a small client with connections that stay open, a loop of callers that ask when they are due, and one of
// callers that ask again as soon as they were answered. A wrong key is a failed read.
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** One request, as its caller saw it. */
export interface Sample {
  /** When it was due, in milliseconds since 1970. */
  readonly dueMs: number;
  /** From when it was due until the whole answer was there. */
  readonly tookMs: number;
  /** Zero when there was no answer. */
  readonly status: number;
  readonly right: boolean;
  readonly region: string;
}

export interface Answer {
  readonly status: number;
  readonly region: string;
  readonly body: string;
}

/** How many requests are under way at once, at most. */
export const callers = 50;
/** Far longer than the service lets a request take. */
const patienceMs = 10_000;

export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 * callers });
  readonly #keys = new Map<string, string>();
  readonly #hostname: string;
  readonly #port: string;

  constructor(
    url: string,
    private readonly token: string,
  ) {
    ({ hostname: this.#hostname, port: this.#port } = new URL(url));
  }

  ask(path: string, method = 'GET'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        hostname: this.#hostname,
        port: this.#port,
        method,
        path,
        headers: { authorization: `Bearer ${this.token}` },
      });
      const lateness = setTimeout(() => sent.destroy(new Error('no answer')), patienceMs);
      sent.once('error', (error) => {
        clearTimeout(lateness);
        reject(error);
      });
      sent.once('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.once('error', reject);
        response.once('end', () => {
          clearTimeout(lateness);
          const { 'rkms-region': region } = response.headers;
          resolve({ status: response.statusCode ?? 0, region: String(region ?? ''), body });
        });
      });
      sent.end();
    });
  }

  /** The first answer for an id is the right one from then on. */
  async read(id: string, dueMs = Date.now()): Promise<Sample> {
    let answer: Answer = { status: 0, region: '', body: '' };
    try {
      answer = await this.ask(`/key?id=${encodeURIComponent(id)}`);
    } catch {
      // Counted as a read without an answer.
    }
    const tookMs = performance.timeOrigin + performance.now() - dueMs;
    const { status, region, body } = answer;
    const key = status === 200 ? (JSON.parse(body) as { readonly key: string }).key : undefined;
    if (key !== undefined && !this.#keys.has(id)) this.#keys.set(id, key);
    return { dueMs, tookMs, status, right: key !== undefined && this.#keys.get(id) === key, region };
  }

  close(): void {
    this.#agent.destroy();
  }
}

export type Ask = (caller: number, turn: number, dueMs: number) => Promise<Sample>;

/** No two callers ask for the same id at once: the service would answer both with one call to a region. */
export const readInTurn =
  (client: Client, ids: readonly string[]): Ask =>
  (caller, turn, dueMs) =>
    client.read(ids[(caller + turn * callers) % ids.length] ?? '', dueMs);

/** All callers at once, and then evenly spread at so many reads a second; at least `reads` altogether. */
export async function paced(ask: Ask, rate: number, reads: number): Promise<readonly Sample[]> {
  const everyMs = (callers * 1_000) / rate;
  const startMs = performance.timeOrigin + performance.now();
  const samples: Sample[] = [];
  const turns = Math.ceil(reads / callers);
  const caller = async (at: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn += 1) {
      const dueMs = startMs + (turn === 0 ? 0 : turn * everyMs + (at * everyMs) / callers);
      const waitMs = dueMs - performance.timeOrigin - performance.now();
      if (waitMs > 0) await pause(waitMs);
      samples.push(await ask(at, turn, dueMs));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
  return samples;
}

/** All callers at once, each of them once. */
export const burst = (ask: Ask): Promise<readonly Sample[]> => paced(ask, callers, callers);

/** All callers ask again as soon as they were answered, until `count` requests were made or the time is over. */
export async function closed(
  ask: Ask,
  count: number,
  longestMs: number,
  onSample: (sample: Sample) => void,
): Promise<void> {
  const deadlineMs = performance.now() + longestMs;
  let made = 0;
  const caller = async (at: number): Promise<void> => {
    for (let turn = 0; made < count && performance.now() < deadlineMs; turn += 1) {
      made += 1;
      onSample(await ask(at, turn, performance.timeOrigin + performance.now()));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
}
