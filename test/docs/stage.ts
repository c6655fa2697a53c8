// Where a page's commands are run, one after the other, as a reader would: in a scratch folder with the built program, a
// service that is started when a command first needs one, and AWS as test/support plays it. Ports, AWS and make are led
// astray by programs of the same name that come first in PATH; nothing else is replaced.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { dynamoClient } from '../support/dynalite-server.js';
import { awsVariables, PlayedAws } from '../support/played-aws.js';
import { embeddedConfig, Lab, type Ended, type Process } from '../support/served-process.js';
import { until } from '../support/until.js';

/** Public ids as pages show them; when they are run, the newest token's stands there. */
const examplePublicIds = /\b(2VxS0PqkYcX1|AAAABBBBCCCC)\b/g;

export interface StageOptions {
  /** Added to the embedded configuration that `rkms` reads where no --config is named. */
  readonly toml?: string;
  /** Of the deployment on AWS, and of its table. */
  readonly name: string;
  /** Whether the page itself runs `rkms init --config aws.toml`. */
  readonly initialises: boolean;
}

const project = resolve('.');

/** A service is asked by all the blocks of its page, or of all runbooks. */
const lifetimeMs = 1_800_000;

/** On a machine that is busy everything may take its time, and that is no outage. */
const patience = {
  RKMS_SERVER_REQUEST_TIMEOUT_MS: '60000',
  RKMS_STORE_TIMEOUT_MS: '60000',
  RKMS_KMS_ATTEMPT_TIMEOUT_MS: '20000',
  RKMS_KMS_CONNECT_TIMEOUT_MS: '20000',
  RKMS_FAILOVER_MIN_TIMEOUT_MS: '20000',
  RKMS_FAILOVER_MAX_TIMEOUT_MS: '20000',
};

export class Stage {
  /** What the last block printed. */
  printed = '';
  /** Variables that blocks have set: a reader's shell goes on from one to the next. */
  readonly #kept: string[] = [];
  readonly lab: Lab;
  #served: Process | undefined;
  #hasAws = false;
  #client: DynamoDBClient | undefined;
  /** :: what a page says -> what is run */
  readonly #replaced = new Map<string, string>();

  constructor(
    private readonly aws: () => Promise<PlayedAws>,
    private readonly options: StageOptions,
  ) {
    const variables = { ...awsVariables, ...patience, RKMS_LOG_LEVEL: 'warn' };
    this.lab = new Lab(variables, { lifeMs: lifetimeMs });
    this.#makeFolder();
  }

  /** Runs a block; a line that serves goes on serving while the lines after it are run. */
  async run(text: string): Promise<Ended> {
    await this.#prepare(text);
    this.printed = '';
    let lines: string[] = [];
    for (const line of text.trimEnd().split('\n')) {
      const serving = servingLine(line);
      if (serving === undefined) {
        lines.push(line);
        continue;
      }
      const ended = await this.#shell(lines.join('\n'));
      if (ended.code !== 0) return ended;
      lines = [];
      await this.serve(serving.config, serving.variables);
    }
    const ended = await this.#shell(lines.join('\n'));
    this.#kept.push(...lines.filter((line) => /^[A-Z_]+=/.test(line)));
    this.printed = ended.stdout;
    return ended;
  }

  /** Runs something that must succeed. */
  async sh(command: string): Promise<void> {
    const { code, stdout, stderr } = await this.run(command);
    if (code !== 0) throw new Error(`${command}\n${stdout}${stderr}`);
  }

  /** Where the service of this page listens; documented as 127.0.0.1:8080. */
  mainAddress = '127.0.0.1:8080';

  /** From now on, `real` is run where a page says `shown`. */
  replace(shown: string, real: string): void {
    this.#replaced.set(shown, real);
  }

  /** The table of `aws.toml`, and where it is. */
  async dynamo(): Promise<{
    readonly client: DynamoDBClient;
    readonly endpoint: string;
    readonly table: string;
  }> {
    await this.#playAws();
    const [, endpoint = ''] =
      /kind = "dynamodb"[^]*endpoint = "(.*)"/.exec((await this.aws()).config()) ?? [];
    this.#client ??= dynamoClient(endpoint);
    return { client: this.#client, endpoint, table: this.options.name };
  }

  /** A plaintext under each region's KMS key, without a context, as the Go original keeps it. */
  async sealed(plaintext: Uint8Array): Promise<Record<string, AttributeValue>> {
    const copies = (await this.aws()).regions.map(async ({ region, endpoint, keyArn }) => {
      const client = new KMSClient({
        region,
        endpoint,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      });
      const { CiphertextBlob } = await client.send(
        new EncryptCommand({ KeyId: keyArn, Plaintext: plaintext }),
      );
      client.destroy();
      return [region, { S: Buffer.from(CiphertextBlob ?? []).toString('base64') }] as const;
    });
    return Object.fromEntries(await Promise.all(copies));
  }

  /** What one command prints, whatever its exit code: pages also show what goes wrong. */
  async output(command: string): Promise<string> {
    await this.#prepare(command);
    const { stdout, stderr } = await this.#shell(command, { DOCS_MAY_FAIL: 'yes' });
    return stdout + stderr;
  }

  async serve(config = 'rkms.toml', variables: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#served?.stop();
    const ports = { RKMS_SERVER_PORT: '0', RKMS_OPERATIONS_PORT: '0' };
    const served = this.lab.start(['serve', '--config', config], { ...variables, ...ports });
    this.#served = served;
    const pattern = /^RKMS serves https?:\S+:(\d+) [^]*?^Operations: https?:\S+:(\d+)$/m;
    const [, main = '', operations = ''] = await served.output((stdout) => pattern.exec(stdout) ?? undefined);
    this.mainAddress = `127.0.0.1:${main}`;
    const connect = [
      ['8080', main],
      ['8081', operations],
    ].flatMap(([documented, real]) =>
      ['127.0.0.1', 'localhost'].map((host) => `--connect-to ${host}:${documented}:127.0.0.1:${real}`),
    );
    this.program(
      'curl',
      `exec '${which('curl')}' --no-progress-meter \${DOCS_MAY_FAIL:---fail-with-body} ${connect.join(' ')} "$@"`,
    );
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    await this.#served?.stop();
    await this.lab.close();
  }

  #shell(text: string, variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const known = [...this.#replaced].reduce(
      (shown, [from, to]) => shown.replaceAll(from, to),
      [...this.#kept, text].join('\n').replaceAll(examplePublicIds, '$(newest-public-id)'),
    );
    const settings = Object.entries({
      PATH: `${this.lab.path('bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      RKMS_CONFIG: 'rkms.toml',
      ...variables,
    });
    const exported = settings.map(([name, value]) => `export ${name}='${value}'`).join('\n');
    const script = `${exported}\nset -eu\n${known}\n`;
    if (!known.includes('<(')) return this.lab.shell(script);
    // What plain shells do not know is written for bash.
    this.lab.write('block.bash', script);
    return this.lab.shell('bash block.bash');
  }

  /** What a reader of the page has by now: a service to ask, or a configuration for AWS. */
  async #prepare(text: string): Promise<void> {
    if (/\baws\.toml\b|^aws /m.test(text)) await this.#playAws();
    const needsService = /\bcurl\b|\bdata\/|\brkms token (list|revoke)|\brkms access/.test(text);
    if (needsService && this.#served === undefined) await this.serve();
    if (needsService && text.includes('$(cat data/token)'))
      await until(() => existsSync(this.lab.path('data/token')));
  }

  async #playAws(): Promise<void> {
    if (this.#hasAws) return;
    this.#hasAws = true;
    const aws = await this.aws();
    const { name, initialises } = this.options;
    await aws.createTable(name);
    this.lab.write('aws.toml', aws.config({ deployment: name, folder: 'aws-data', table: name }));
    const { endpoint } = await this.dynamo();
    this.program(
      'aws',
      `exec '${process.execPath}' '${join(project, 'test/docs/aws-stand-in.ts')}' '${endpoint}' '${name}' "$@"`,
    );
    if (!initialises) await this.lab.run(['init', '--config', 'aws.toml']);
  }

  #makeFolder(): void {
    for (const name of ['config', 'dist', 'node_modules', 'package.json', 'Makefile', 'deploy', 'docs']) {
      if (existsSync(join(project, name))) symlinkSync(join(project, name), this.lab.path(name));
    }
    mkdirSync(this.lab.path('bin'));
    this.lab.write('rkms.toml', `${embeddedConfig('./data')}\n${this.options.toml ?? ''}`);
    this.lab.write('bin/rkms', this.lab.rkmsProgram);
    chmodSync(this.lab.path('bin', 'rkms'), 0o755);
    const newest = 'ls -t data/tokens.json aws-data/tokens.json 2>/dev/null | head -n 1';
    this.program('newest-public-id', `sed -n 's/^ *"id": "\\([^"]*\\)".*/\\1/p' "$(${newest})" | tail -n 1`);
    // What it would do is enough: the work itself is for test runs of their own.
    this.program(
      'make',
      `exec '${which('make')}' --directory '${project}' --dry-run --no-print-directory "$@" >make.out`,
    );
  }

  /** A program of this name that comes before the machine's. */
  program(name: string, script: string): void {
    writeFileSync(this.lab.path('bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}

/** Where a program of this machine is. */
export function which(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

/** A line that serves until it is stopped, with the variables that stand before it. */
function servingLine(
  line: string,
): { readonly config?: string; readonly variables: Readonly<Record<string, string>> } | undefined {
  const [, assigned = '', config] =
    /^((?:[A-Z_]+=\S+ +)*)(?:rkms serve(?: +--config +(\S+))?|make run|npm start) *(?:#.*)?$/.exec(line) ??
    [];
  if (!/\b(rkms serve|make run|npm start)\b/.test(line.split('#')[0] ?? '')) return undefined;
  const variables = Object.fromEntries(
    assigned
      .trim()
      .split(/ +/)
      .filter(Boolean)
      .map((each) => each.split('=') as [string, string]),
  );
  return { ...(config !== undefined && { config }), variables };
}
