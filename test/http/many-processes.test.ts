// Two served processes, or four in the deep tier, on one store, fifty clients, hot ids and fresh ones, one process killed in mid-traffic and started
// again, regions failing meanwhile: what the clients saw is a history that one service with one key per id could have had.
// FRESH and SEED in the environment choose how many fresh ids, and which requests.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { seeded, type Chance } from '../crash/seeded.js';
import { ask } from '../support/http-client.js';
import { wrongsIn, type Disturbance, type Seen } from '../support/key-history.js';
import type { KmsFault } from '../support/kms-server.js';
import { awsVariables, PlayedAws } from '../support/played-aws.js';
import { embeddedConfig, Lab, type Served } from '../support/served-process.js';
import { dose, isDeep, report } from '../support/tiers.js';

const fresh = dose('FRESH', { small: 40, full: 1_000 });
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const clients = 50;
const hot = 20;
const mostTries = 12;
const names = isDeep ? (['one', 'two', 'three', 'four'] as const) : (['one', 'three'] as const);
const victim = 'three';
const patienceMs = 60_000 + fresh * 400;

// In memory where that can be had: this is about concurrency, and a disk that others keep busy would be one more fault.
const memory = '/dev/shm';
const options = { lifeMs: patienceMs, ...(existsSync(memory) && { under: memory }) };

let lab: Lab | undefined;
let aws: PlayedAws | undefined;
afterEach(async () => {
  // The processes first: they still write to the table.
  await lab?.close();
  await aws?.stop();
  lab = aws = undefined;
}, 30_000);

/** Processes that have this machine's cores to themselves answer in time; here they share them with everything else. */
const patient = {
  RKMS_KMS_ATTEMPT_TIMEOUT_MS: '20000',
  RKMS_KMS_CONNECT_TIMEOUT_MS: '20000',
  RKMS_FAILOVER_MAX_TIMEOUT_MS: '20000',
  RKMS_FAILOVER_MIN_TIMEOUT_MS: '20000',
  RKMS_SERVER_REQUEST_TIMEOUT_MS: '60000',
  RKMS_STORE_TIMEOUT_MS: '30000',
  RKMS_LOG_LEVEL: 'error',
};

interface Tokens {
  readonly creator: string;
  readonly reader: string;
}

/** The processes, the clients, and what these saw. */
class Traffic {
  readonly history: Seen[] = [];
  readonly deaths = new Map<string, Disturbance>();
  readonly #served = new Map<string, Served>();

  constructor(
    private readonly lab: Lab,
    private readonly config: string,
    private readonly tokens: Tokens,
  ) {}

  async start(name: string): Promise<void> {
    this.#served.set(name, await this.lab.serve(this.config, patient));
  }

  /** Why requests failed, as the processes that run now say in their logs. */
  get complaints(): readonly string[] {
    return [...this.#served].flatMap(([name, { stderr }]) =>
      stderr
        .split('\n')
        .filter((line) => line.includes('"status":5'))
        .map((line) => `${name}: ${line}`),
    );
  }

  /** Kills a process and starts it again. */
  async restart(name: string): Promise<void> {
    const fromMs = performance.now();
    this.deaths.set(name, { fromMs, toMs: Infinity });
    await this.#served.get(name)?.stop('SIGKILL');
    await this.start(name);
    this.deaths.set(name, { fromMs, toMs: performance.now() });
  }

  async get(process: string, id: string, mayCreate: boolean): Promise<Seen> {
    const beganMs = performance.now();
    const token = mayCreate ? this.tokens.creator : this.tokens.reader;
    const question = { target: `/key?id=${id}`, headers: { authorization: `Bearer ${token}` } };
    const answer = await ask(this.#served.get(process)?.url ?? '', question).catch(() => undefined);
    const { key, type } = JSON.parse(answer?.body ?? '{}') as { key?: string; type?: string };
    const seen: Seen = {
      beganMs,
      endedMs: performance.now(),
      process,
      id,
      mayCreate,
      status: answer?.status ?? 0,
      digest: key && createHash('sha256').update(key).digest('hex'),
      problem: type?.replace('urn:rkms:problem:', ''),
    };
    this.history.push(seen);
    return seen;
  }

  /** As a client does: where the answer is "not now" or none, another process is asked. */
  async #getSomewhere(process: string, id: string, mayCreate: boolean): Promise<void> {
    const first = names.findIndex((name) => name === process);
    for (let tries = 0; tries < mostTries; tries += 1) {
      const { status } = await this.get(names[(first + tries) % names.length] ?? victim, id, mayCreate);
      if (status !== 0 && status !== 503) return;
    }
  }

  /** Fifty clients at once ask what `next` says, until it says no more. */
  async ask(
    next: () => readonly [process: string, id: string, mayCreate: boolean] | undefined,
  ): Promise<void> {
    const client = async (): Promise<void> => {
      for (let question = next(); question !== undefined; question = next())
        await this.#getSomewhere(...question);
    };
    await Promise.all(Array.from({ length: clients }, client));
  }
}

/** Each fresh id is asked for thrice, once by somebody who may only read; as often again a hot id is. */
function questions(chance: Chance): readonly (readonly [string, string, boolean])[] {
  const anyProcess = (): string => names[Math.floor(chance() * names.length)] ?? victim;
  const asked = Array.from({ length: fresh }, (_, n) => `fresh/${n}`).flatMap((id, n) => [
    { id, mayCreate: true, at: n + chance() * clients },
    { id, mayCreate: true, at: n + chance() * clients },
    { id, mayCreate: false, at: n + chance() * clients },
    { id: `hot/${Math.floor(chance() * hot)}`, mayCreate: chance() < 0.7, at: n },
    { id: `hot/${Math.floor(chance() * hot)}`, mayCreate: chance() < 0.7, at: n },
  ]);
  return asked
    .sort((one, other) => one.at - other.at)
    .map(({ id, mayCreate }) => [anyProcess(), id, mayCreate] as const);
}

/** Runs the traffic; `meanwhile` is told how far it is, from 0 to 1, with every request. */
async function run(traffic: Traffic, meanwhile: (share: number) => void): Promise<void> {
  await Promise.all(names.map((name) => traffic.start(name)));
  const all = questions(seeded(seed));
  const left = all.values();
  let asked = 0;
  let restarted: Promise<void> | undefined;
  await traffic.ask(() => {
    asked += 1;
    const share = asked / all.length;
    meanwhile(share);
    if (share > 0.4) restarted ??= traffic.restart(victim);
    return left.next().value;
  });
  await restarted;
}

/** Every id that was ever given out, from every process. */
async function readAll(traffic: Traffic): Promise<void> {
  const ids = new Set(traffic.history.filter(({ status }) => status === 200).map(({ id }) => id));
  const all = names.flatMap((name) => [...ids].map((id) => [name, id, false] as const)).values();
  await traffic.ask(() => all.next().value);
}

function judge(traffic: Traffic, disturbances: readonly Disturbance[], startedMs: number): void {
  const { history, deaths } = traffic;
  const count = (status: number): number => history.filter((seen) => seen.status === status).length;
  const seconds = (performance.now() - startedMs) / 1_000;
  report(
    `seed ${seed}: ${history.length} requests in ${seconds.toFixed(1)} s: ${count(200)} with a key, ` +
      `${count(404)} absent, ${count(503)} failed while regions changed, ${count(0)} cut by the kill`,
  );
  const wrongs = wrongsIn(history, { deaths, disturbances });
  expect(wrongs.length === 0 ? [] : [...wrongs, ...traffic.complaints]).toEqual([]);
  const keys = new Set(history.flatMap(({ digest }) => digest ?? []));
  const wanted = new Set(history.filter(({ mayCreate }) => mayCreate).map(({ id }) => id));
  expect([keys.size, count(404) > 0, count(0) > 0]).toEqual([wanted.size, true, true]);
}

describe('two or four processes, fifty clients, one of the processes killed in mid-traffic', () => {
  it(
    `on one SQLite file give every id one key for ever (seed ${seed}; I1, I2)`,
    async () => {
      const startedMs = performance.now();
      lab = new Lab({}, options);
      const config = lab.write('many.toml', embeddedConfig('./many'));
      const first = await lab.serve(config);
      await first.stop();
      const creator = readFileSync(lab.path('many', 'token'), 'utf8').trim();
      const traffic = new Traffic(lab, config, {
        creator,
        reader: await lab.token(config, 'reader', 'read'),
      });
      await run(traffic, () => undefined);
      await readAll(traffic);
      judge(traffic, [], startedMs);
    },
    patienceMs,
  );

  it(
    `on one DynamoDB table, with one region after the other failing, do so too (seed ${seed}; I1, I2, I3)`,
    async () => {
      const startedMs = performance.now();
      const played = (aws = await PlayedAws.start());
      lab = new Lab(awsVariables, options);
      const config = lab.write('aws.toml', played.config());
      await lab.run(['init', '--config', config]);
      const creator = await lab.token(config, 'creator', 'read,create');
      const traffic = new Traffic(lab, config, {
        creator,
        reader: await lab.token(config, 'reader', 'read'),
      });
      const outages = new Outages(played);
      await run(traffic, (share) => {
        outages.at(share);
      });
      await outages.end();
      await readAll(traffic);
      judge(traffic, outages.disturbances, startedMs);
    },
    patienceMs,
  );
});

/** Faults that answer at once. Silence would only make the test slow: every new key waits for every region. */
const faults: readonly KmsFault[] = [
  'refused',
  'server-error',
  'throttled',
  'reset',
  'disabled',
  'wrong-plaintext',
];

/** One region after the other fails, each in its own way; never two at once, except for the moment of the change. */
class Outages {
  readonly disturbances: Disturbance[] = [];
  #current = -1;
  #turn: Promise<void> = Promise.resolve();

  constructor(private readonly aws: PlayedAws) {}

  at(share: number): void {
    const wanted = Math.floor(share * faults.length * 1.2) - 1;
    if (wanted <= this.#current) return;
    this.#current = wanted;
    this.#turn = this.#turn.then(() => this.#change(wanted));
  }

  async end(): Promise<void> {
    await this.#turn;
    await this.#change(faults.length);
  }

  async #change(index: number): Promise<void> {
    const fromMs = performance.now();
    const { regions } = this.aws;
    for (const region of regions) await region.heal();
    const fault = faults[index];
    if (fault !== undefined) await regions[index % regions.length]?.fail(fault);
    // A request that met the old fault and the new one had two bad regions.
    this.disturbances.push({ fromMs, toMs: performance.now() });
  }
}
