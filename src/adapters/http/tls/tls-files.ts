// Keeps the listeners' TLS as its files say, while the service runs: a changed file takes effect within two seconds, a
// broken one changes nothing and is reported. Never reads a file half: what does not fit together is read again.
import type { Clock } from '../../../ports/clock.js';
import { OperatorError } from '../../../ports/operator-error.js';
import { stampOf } from '../../files/file-stamp.js';
import {
  readTlsMaterial,
  type CertificateExpiry,
  type TlsMaterial,
  type TlsSettings,
} from './tls-material.js';

const recheckMs = 1_000;
const dayMs = 86_400_000;
/** Days before the end of a certificate at which it is told of, once each; at 0 it has ended. */
const toldDaysLeft = [30, 7, 0];

export type TlsEvent =
  | { readonly event: 'tls.reloaded' }
  /** The files changed and cannot be used; what was read before stays. */
  | { readonly event: 'tls.broken'; readonly problem: OperatorError }
  | ({ readonly event: 'tls.expires'; readonly daysLeft: number } & CertificateExpiry);

export class TlsFiles {
  readonly #listeners = new Set<() => void>();
  readonly #told = new Map<string, number>();
  #material: TlsMaterial;
  #stamp: string;
  /** The stamp at which the files could not be used, until that was reported. */
  #suspect: string | undefined;
  #cancel: () => void = () => undefined;

  /** Refuses to start with files that TLS cannot be spoken with. */
  constructor(
    private readonly settings: TlsSettings,
    private readonly clock: Clock,
    private readonly onEvent: (event: TlsEvent) => void,
  ) {
    this.#stamp = this.#stampNow();
    this.#material = readTlsMaterial(settings);
    this.#tellExpiries();
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  get asksForCertificates(): boolean {
    return this.settings.clientCaFile !== undefined;
  }

  /** Calls `listener` after each change of `material`, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** From now on a change of the files takes effect, until `stop`. */
  watch(): void {
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel = this.clock.schedule(recheckMs, () => {
      this.#check();
      this.#tellExpiries();
      this.#schedule();
    });
  }

  /** Before the files are read: one that changes while it is read has another stamp at the next check. */
  #check(): void {
    const stamp = this.#stampNow();
    if (stamp === this.#stamp && this.#suspect === undefined) return;
    this.#stamp = stamp;
    try {
      this.#material = readTlsMaterial(this.settings);
    } catch (problem) {
      if (!(problem instanceof OperatorError)) throw problem;
      this.#suspectOrReport(stamp, problem);
      return;
    }
    this.#suspect = undefined;
    this.onEvent({ event: 'tls.reloaded' });
    for (const listener of this.#listeners) listener();
  }

  /** A certificate and its key are replaced one after the other: only what stays broken is reported. */
  #suspectOrReport(stamp: string, problem: OperatorError): void {
    if (this.#suspect !== stamp) {
      this.#suspect = stamp;
      return;
    }
    this.#suspect = undefined;
    this.onEvent({ event: 'tls.broken', problem });
  }

  #tellExpiries(): void {
    for (const { file, notAfterMs } of this.#material.expiries) {
      const daysLeft = daysLeftOf(notAfterMs, this.clock.nowMs());
      const stage = toldDaysLeft.findLast((days) => daysLeft <= days);
      const certificate = `${file} ${notAfterMs}`;
      if (stage === undefined || this.#told.get(certificate) === stage) continue;
      this.#told.set(certificate, stage);
      this.onEvent({ event: 'tls.expires', file, notAfterMs, daysLeft });
    }
  }

  #stampNow(): string {
    const { certFile, keyFile, clientCaFile, revokedFile } = this.settings;
    const files = [certFile, keyFile, clientCaFile, revokedFile].filter((file) => file !== undefined);
    return files.map(stampOf).join('\n');
  }
}

/** Whole days until a certificate ends, the one that has begun included; 0 once it has ended. */
export const daysLeftOf = (notAfterMs: number, nowMs: number): number =>
  Math.max(0, Math.ceil((notAfterMs - nowMs) / dayMs));
