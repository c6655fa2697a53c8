// A served process over three played regions, reached directly or by name and TLS, with waiting times short enough for
// tests; and an operator's view of it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import ts from 'typescript';
import { ask, type HttpAnswer } from './http-client.js';
import type { KmsFault, KmsFaultOptions } from './kms-faults.js';
import { startKmsServer, type KmsServer } from './kms-server.js';
import { certificateFor } from './loopback-certificate.js';
import { awsVariables } from './played-aws.js';
import { Lab, type KeyAnswer, type Served } from './served-process.js';
import { startTlsFront, type TlsFront } from './tls-front.js';
import { until } from './until.js';

/** What GET /regions answers. */
export interface RegionsReport {
  readonly order: readonly string[];
  readonly regions: readonly {
    readonly region: string;
    readonly state: string;
    readonly p50Ms: number | null;
    readonly overQuota: boolean;
  }[];
}

/** One line of the log about a region's change. */
export interface Transition {
  readonly region: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

export type Way = 'direct' | 'by name';
export type Fault = KmsFault | 'dns' | 'tls';

export interface Operated extends Served {
  readonly operationsUrl: string;
}

const names = ['us-east-1', 'us-east-2', 'us-west-2'] as const;
const hostOf = (region: string): string => `kms.${region}.played`;
const hosts = names.map(hostOf);
const trusted = certificateFor(hosts);
const untrusted = certificateFor(hosts);

const shortWaits = `
[creation]
burst = 1000
per_day = 10000
[kms]
attempt_timeout_ms = 300
[failover]
open_ms = 300
max_open_ms = 600
ramp_ms = 300
misconfigured_probe_ms = 300
max_hedge_ms = 50
`;

export class FailoverLab {
  private constructor(
    readonly lab: Lab,
    readonly regions: readonly [KmsServer, KmsServer, KmsServer],
    private readonly fronts: readonly TlsFront[],
  ) {}

  static async open(): Promise<FailoverLab> {
    const lab = new Lab({ ...awsVariables, RKMS_OPERATIONS_PORT: '0' });
    const region = (name: string): Promise<KmsServer> => startKmsServer({ region: name });
    const regions = await Promise.all([region(names[0]), region(names[1]), region(names[2])]);
    const fronts = await Promise.all(
      regions.map(({ region: name, endpoint }) => startTlsFront(hostOf(name), trusted, endpoint)),
    );
    const failover = new FailoverLab(lab, regions, fronts);
    lab.write('trusted.pem', trusted.cert);
    lab.write('played-names.mjs', compiled('played-names.ts'));
    await lab.run(['init', '--config', failover.config('direct')]);
    return failover;
  }

  /** The path of a configuration; both ways lead to the same store. */
  config(way: Way): string {
    const regions = this.regions.map(({ region, keyArn, endpoint }, at) => {
      const url = way === 'direct' ? endpoint : this.fronts[at]?.endpoint;
      return `[[regions]]\nname = "${region}"\nvault = "aws-kms"\nkms_key = "${keyArn}"\nendpoint = "${url ?? ''}"\n`;
    });
    const allowed = '[security]\nallow_environment = ["NODE_EXTRA_CA_CERTS", "--import"]\n';
    const head = 'deployment = "failover"\ndata_dir = "./data"\n[store]\nkind = "sqlite"\n';
    return this.lab.write(`${way}.toml`, head + regions.join('') + allowed + shortWaits);
  }

  async serve(way: Way): Promise<Operated> {
    const byName = {
      NODE_EXTRA_CA_CERTS: this.lab.path('trusted.pem'),
      NODE_OPTIONS: `--import=${this.lab.path('played-names.mjs')}`,
      PLAYED_NAMES_LOST: this.lab.path('lost-names'),
    };
    const served = await this.lab.serve(this.config(way), way === 'direct' ? {} : byName);
    const operationsUrl = await served.output((stdout) => /^Operations: (\S+)$/m.exec(stdout)?.[1]);
    return Object.assign(served, { operationsUrl });
  }

  token(caller: string, allow: string): Promise<string> {
    return this.lab.token(this.config('direct'), caller, allow);
  }

  get(served: Served, id: string, token: string): Promise<KeyAnswer> {
    return this.lab.get(served, id, token);
  }

  /** Fails the first `count` regions; to lose a name or trust cuts the connections that are open. */
  async fail(count: number, fault: Fault, options?: KmsFaultOptions): Promise<void> {
    const fronts = this.fronts.slice(0, count);
    if (fault === 'dns') {
      writeFileSync(this.lab.path('lost-names'), hosts.slice(0, count).join('\n'));
      for (const front of fronts) front.show(trusted);
    } else if (fault === 'tls') {
      for (const front of fronts) front.show(untrusted);
    } else {
      await Promise.all(this.regions.slice(0, count).map((region) => region.fail(fault, options)));
    }
  }

  async heal(): Promise<void> {
    rmSync(this.lab.path('lost-names'), { force: true });
    for (const front of this.fronts) front.show(trusted);
    await Promise.all(this.regions.map((region) => region.heal()));
  }

  /** How often the region was asked for callers' keys since this was last asked. */
  takeCalls(at: 0 | 1 | 2): number {
    const calls = this.regions[at].calls.splice(0);
    return calls.filter(({ context }) => context['rkms:id'] !== '_rkms/canary').length;
  }

  async close(): Promise<void> {
    await this.lab.close();
    await Promise.all([...this.fronts, ...this.regions].map((each) => each.stop()));
  }
}

export const operate = (
  { operationsUrl }: Operated,
  method: string,
  target: string,
  token?: string,
): Promise<HttpAnswer> =>
  ask(operationsUrl, {
    method,
    target,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

export async function regionsOf(served: Operated, token: string): Promise<RegionsReport> {
  return JSON.parse((await operate(served, 'GET', '/regions', token)).body) as RegionsReport;
}

/** Resolves once the report is as wanted; fails after 30 s, the longest that a region may take to be back. */
export const untilRegions = (
  served: Operated,
  token: string,
  wanted: (report: RegionsReport) => boolean,
): Promise<void> => until(async () => wanted(await regionsOf(served, token)), 30_000);

export const transitionsOf = ({ stderr }: Served): readonly Transition[] =>
  stderr
    .split('\n')
    .filter((line) => line.includes('"region changed"'))
    .map((line) => JSON.parse(line) as Transition);

function compiled(name: string): string {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8');
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}
