// The HTTP app behind real TLS, with files that a test can swap: the real application on scripted regions, in virtual time,
// so that the files are looked at exactly when a test says.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { ConnectionLimits } from '../../src/adapters/http/server/connections.js';
import { Tls } from '../../src/adapters/http/tls/tls.js';
import { TlsFiles, type TlsEvent } from '../../src/adapters/http/tls/tls-files.js';
import type { TlsSettings } from '../../src/adapters/http/tls/tls-material.js';
import type { Authenticator } from '../../src/ports/authenticator.js';
import type { Clock } from '../../src/ports/clock.js';
import { Authority, type Issued } from './certificates.js';
import type { HttpAnswer } from './http-client.js';
import { ManualClock } from './manual-clock.js';
import { ServedApp } from './served-app.js';

/** Real dates, because OpenSSL's are; the timers in the test's hand. */
export class DatedClock extends ManualClock {
  /** Moves the date alone, in milliseconds. */
  shiftMs = 0;

  override nowMs(): number {
    return Date.now() + this.shiftMs;
  }
}

interface TlsAppOptions {
  readonly minVersion?: TlsSettings['minVersion'];
  /** PEM; with it callers are asked for certificates. */
  readonly clientCa?: string;
  readonly revoked?: string;
  readonly authenticator?: (tokens: Authenticator, clock: Clock) => Authenticator;
  readonly limits?: Partial<ConnectionLimits>;
  readonly maxInFlight?: number;
}

export interface Asked extends ConnectionOptions {
  readonly target?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly agent?: Agent;
}

export class TlsApp {
  readonly root = new Authority('servers');
  readonly folder = mkdtempSync(join(tmpdir(), 'rkms-tls-'));
  readonly clock = new DatedClock();
  readonly events: TlsEvent[] = [];
  readonly files: TlsFiles;
  served!: ServedApp;

  private constructor(options: TlsAppOptions) {
    const { minVersion = '1.3', clientCa, revoked } = options;
    this.show(this.root.server('first'));
    if (clientCa !== undefined) this.write('ca.pem', clientCa);
    if (revoked !== undefined) this.write('revoked', revoked);
    const settings = {
      certFile: this.path('cert.pem'),
      keyFile: this.path('key.pem'),
      minVersion,
      clientCaFile: clientCa === undefined ? undefined : this.path('ca.pem'),
      revokedFile: revoked === undefined ? undefined : this.path('revoked'),
    };
    this.files = new TlsFiles(settings, this.clock, (event) => this.events.push(event));
  }

  static async start(options: TlsAppOptions = {}): Promise<TlsApp> {
    const app = new TlsApp(options);
    const { authenticator = (tokens: Authenticator): Authenticator => tokens } = options;
    app.served = await ServedApp.start({
      tls: new Tls(app.files),
      authenticator: (tokens) => authenticator(tokens, app.clock),
      ...(options.limits && { limits: options.limits }),
      ...(options.maxInFlight !== undefined && { maxInFlight: options.maxInFlight }),
    });
    app.files.watch();
    return app;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Replaces the file in one step. */
  write(name: string, content: string, mode = 0o600): void {
    writeFileSync(this.path(`${name}.new`), content, { mode });
    renameSync(this.path(`${name}.new`), this.path(name));
  }

  /** Replaces certificate and key, one after the other. */
  show({ cert, key }: Issued): void {
    this.write('cert.pem', cert);
    this.write('key.pem', key);
  }

  /** Lets the files be looked at once. */
  look(): Promise<void> {
    return this.clock.advance(1_000);
  }

  async ask({ target = '/livez', headers = {}, agent, ...options }: Asked = {}): Promise<HttpAnswer> {
    const sent = request(`${this.served.url}${target}`, {
      ca: this.root.cert,
      servername: 'localhost',
      headers,
      ...options,
      agent: agent ?? false,
      signal: AbortSignal.timeout(30_000),
    });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
  }

  /** A connection of its own, ready to be written to. */
  async connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const port = Number(new URL(this.served.url).port);
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: this.root.cert,
      servername: 'localhost',
      ...options,
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  async stop(): Promise<void> {
    await this.served.stop();
    this.files.stop();
    rmSync(this.folder, { recursive: true });
  }
}
