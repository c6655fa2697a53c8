// One service and its three played regions, in a folder of their own, untouched by what was measured before. The service runs
// as an operator would run it: default settings, SQLite, its log at the default level in a file, the audit log on.
import type { ChildProcess } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { certificateFor } from '../../test/support/loopback-certificate.js';
import type { Case } from './cases.js';
import { nextMessage, type Children } from './children.js';
import { Client } from './load.js';
import { PlayedRegion } from './played-region.js';

/** What GET /regions answers, as far as the bench looks. */
export interface RegionsReport {
  readonly order: readonly string[];
  readonly regions: readonly {
    readonly region: string;
    readonly state: string;
    readonly overQuota: boolean;
  }[];
}

/** A line of the log about a region's change; `time` is milliseconds since 1970. */
export interface Transition {
  readonly time: number;
  readonly region: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

export const regionNames = ['us-east-1', 'us-east-2', 'us-west-2'] as const;
export const preferred = regionNames[0];
const healthyLatencyMs = 5;
const hostOf = (region: string): string => `kms.${region}.played`;
const hosts = regionNames.map(hostOf);
const trusted = certificateFor(hosts);
const untrusted = certificateFor(hosts);

/** Where everything is: `folder` to work in, `program` the compiled bench, `service` the built main module. */
export interface Site {
  readonly folder: string;
  readonly program: string;
  readonly service: string;
  readonly children: Children;
}

interface Tokens {
  readonly all: string;
  readonly reader: string;
}

const environment = (site: Site): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: site.folder,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_ACCESS_KEY_ID: 'dummy',
  AWS_SECRET_ACCESS_KEY: 'dummy',
  RKMS_SERVER_PORT: '0',
  RKMS_OPERATIONS_PORT: '0',
});

const configOf = (regions: readonly { name: string; keyArn: string; endpoint: string }[]): string =>
  'deployment = "bench"\ndata_dir = "./data"\n[store]\nkind = "sqlite"\n[creation]\nburst = 100000\nper_day = 1000000\n' +
  '[security]\nallow_environment = ["NODE_EXTRA_CA_CERTS", "--import"]\n' +
  regions
    .map(
      ({ name, keyArn, endpoint }) =>
        `[[regions]]\nname = "${name}"\nvault = "aws-kms"\nkms_key = "${keyArn}"\nendpoint = "${endpoint}"\n`,
    )
    .join('');

/** The data folder that every house begins with: an empty store of the deployment, and two tokens. */
export class Foundation {
  private constructor(
    readonly site: Site,
    readonly tokens: Tokens,
  ) {}

  static async lay(site: Site): Promise<Foundation> {
    const cwd = join(site.folder, 'foundation');
    mkdirSync(cwd);
    const nowhere = regionNames.map((name) => ({
      name,
      keyArn: 'alias/rkms',
      endpoint: 'http://127.0.0.1:9',
    }));
    writeFileSync(join(cwd, 'rkms.toml'), configOf(nowhere));
    const run = async (...args: readonly string[]): Promise<string> => {
      const stderr = openSync(join(cwd, 'stderr'), 'a');
      const child = site.children.node([site.service, ...args, '--config', 'rkms.toml'], {
        cwd,
        env: environment(site),
        stderr,
      });
      closeSync(stderr);
      let printed = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(readFileSync(join(cwd, 'stderr'), 'utf8'));
      return printed.trim();
    };
    const token = (caller: string, allow: string): Promise<string> =>
      run('token', 'create', '--caller', caller, '--allow', allow);
    await run('init');
    const all = await token('bench', 'read,create,operate');
    return new Foundation(site, { all, reader: await token('reader', 'read') });
  }

  get data(): string {
    return join(this.site.folder, 'foundation', 'data');
  }
}

export class House {
  readonly client: Client;
  readonly reader: Client;
  readonly #operator: Client;

  private constructor(
    private readonly site: Site,
    private readonly folder: string,
    readonly regions: readonly PlayedRegion[],
    private readonly service: ChildProcess,
    urls: { readonly url: string; readonly operationsUrl: string },
    tokens: Tokens,
  ) {
    this.client = new Client(urls.url, tokens.all);
    this.reader = new Client(urls.url, tokens.reader);
    this.#operator = new Client(urls.operationsUrl, tokens.all);
  }

  /** Serves; with `byName`, the regions are reached by their names and TLS. */
  static async open(foundation: Foundation, name: string, byName: boolean): Promise<House> {
    const { site, tokens } = foundation;
    const folder = join(site.folder, name);
    mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
    cpSync(foundation.data, join(folder, 'data'), { recursive: true });
    const script = join(site.program, 'bench/failover/region-process.js');
    const plan = { latencyMs: healthyLatencyMs, trusted, untrusted };
    const regions = await Promise.all(
      regionNames.map((region) =>
        PlayedRegion.start(site.children, script, {
          ...plan,
          name: region,
          ...(byName && { host: hostOf(region) }),
        }),
      ),
    );
    writeFileSync(join(folder, 'rkms.toml'), configOf(regions));
    writeFileSync(join(folder, 'trusted.pem'), trusted.cert);
    const service = startService(site, folder, byName);
    return new House(site, folder, regions, service, await urlsOf(service, folder), tokens);
  }

  get pid(): number {
    return this.service.pid ?? 0;
  }

  /** Fails the first `count` regions; answers once that is in force. */
  async fail(count: number, { fault, options }: Pick<Case, 'fault' | 'options'>): Promise<void> {
    if (fault === 'dns') writeFileSync(join(this.folder, 'lost-names'), hosts.slice(0, count).join('\n'));
    await Promise.all(this.regions.slice(0, count).map((region) => region.fail(fault, options)));
  }

  async heal(): Promise<void> {
    rmSync(join(this.folder, 'lost-names'), { force: true });
    await Promise.all(this.regions.map((region) => region.heal()));
  }

  async report(): Promise<RegionsReport> {
    return JSON.parse((await this.#operator.ask('/regions')).body) as RegionsReport;
  }

  async liftQuarantines(): Promise<void> {
    const { regions } = await this.report();
    for (const { region, state } of regions) {
      if (state === 'quarantined') await this.#operator.ask(`/regions/${region}/lift-quarantine`, 'POST');
    }
  }

  /** Changes of regions since then. */
  transitions(sinceMs: number): readonly Transition[] {
    return this.log()
      .filter((line) => line.includes('"region changed"'))
      .map((line) => JSON.parse(line) as Transition)
      .filter(({ time }) => time >= sinceMs);
  }

  log(): readonly string[] {
    return readFileSync(join(this.folder, 'log'), 'utf8').split('\n');
  }

  /** What the service's memory holds after its garbage was collected. */
  async memory(): Promise<NodeJS.MemoryUsage> {
    const told = nextMessage(this.service);
    this.service.send('memory');
    return (await told) as NodeJS.MemoryUsage;
  }

  /** Answers with the service's exit code. */
  async close(): Promise<number | null> {
    const { children } = this.site;
    for (const client of [this.client, this.reader, this.#operator]) client.close();
    const code = await children.stop(this.service);
    await Promise.all(this.regions.map((region) => region.stop(children)));
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }
}

function startService(site: Site, folder: string, byName: boolean): ChildProcess {
  const load = (name: string): readonly string[] => ['--import', join(site.program, name)];
  const names = byName ? load('test/support/played-names.js') : [];
  const probe = load('bench/failover/service-probe.js');
  const stderr = openSync(join(folder, 'log'), 'a');
  const service = site.children.node(
    ['--expose-gc', ...probe, ...names, site.service, 'serve', '--config', 'rkms.toml'],
    {
      cwd: folder,
      env: {
        ...environment(site),
        NODE_EXTRA_CA_CERTS: join(folder, 'trusted.pem'),
        PLAYED_NAMES_LOST: join(folder, 'lost-names'),
      },
      stderr,
    },
  );
  closeSync(stderr);
  return service;
}

/** Where it serves, once it says so. */
async function urlsOf(
  service: ChildProcess,
  folder: string,
): Promise<{ readonly url: string; readonly operationsUrl: string }> {
  if (service.stdout === null) throw new Error('the service has no standard output');
  const lateness = setTimeout(() => service.kill('SIGKILL'), 20_000);
  let url: string | undefined;
  for await (const line of createInterface(service.stdout)) {
    url ??= /^RKMS serves (http:\S+)/.exec(line)?.[1];
    const operationsUrl = /^Operations: (http:\S+)$/.exec(line)?.[1];
    if (url === undefined || operationsUrl === undefined) continue;
    clearTimeout(lateness);
    service.stdout.resume();
    return { url, operationsUrl };
  }
  throw new Error(`the service did not start:\n${readFileSync(join(folder, 'log'), 'utf8')}`);
}
