// Reloads the TLS files while the service runs. A valid change takes effect within two seconds; invalid files are reported
// and the previous ones stay in use. Never uses a half-written set: files that do not match are read again first.
import type { Clock } from '../../../ports/clock.js';
import { OperatorError } from '../../system/operator-error.js';
import { stampOf } from '../../files/file-stamp.js';
import {
  readTlsMaterial,
  type CertificateExpiry,
  type TlsMaterial,
  type TlsSettings,
} from './tls-material.js';

const recheckMs = 1_000;
const dayMs = 86_400_000;
/** Days before the expiry of a certificate at which a warning is logged, once each. 0 means expired. */
const warnDaysLeft = [30, 7, 0];

export type TlsEvent =
  | { readonly event: 'tls.reloaded' }
  /** The files changed and are invalid; the previous ones stay in use. */
  | { readonly event: 'tls.broken'; readonly problem: OperatorError }
  | ({ readonly event: 'tls.expires'; readonly daysLeft: number } & CertificateExpiry);

export class TlsFiles {
  readonly #listeners = new Set<() => void>();
  readonly #warnedStages = new Map<string, number>();
  #material: TlsMaterial;
  #stamp: string;
  /** The stamp of invalid files that were not reported yet. */
  #suspect: string | undefined;
  #cancel: () => void = () => undefined;

  /** Throws an OperatorError if the files are invalid. */
  constructor(
    private readonly settings: TlsSettings,
    private readonly clock: Clock,
    private readonly onEvent: (event: TlsEvent) => void,
  ) {
    this.#stamp = this.#stampNow();
    this.#material = readTlsMaterial(settings);
    this.#warnOfExpiry();
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

  /** Checks the files every second until `stop`. */
  watch(): void {
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel = this.clock.schedule(recheckMs, () => {
      this.#check();
      this.#warnOfExpiry();
      this.#schedule();
    });
  }

  /** Takes the stamp before reading: a file that changes while it is read has another stamp at the next check. */
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

  /** A certificate and its key are replaced one after the other: only files invalid at two checks are reported. */
  #suspectOrReport(stamp: string, problem: OperatorError): void {
    if (this.#suspect !== stamp) {
      this.#suspect = stamp;
      return;
    }
    this.#suspect = undefined;
    this.onEvent({ event: 'tls.broken', problem });
  }

  #warnOfExpiry(): void {
    for (const { file, notAfterMs } of this.#material.expiries) {
      const daysLeft = daysLeftOf(notAfterMs, this.clock.nowMs());
      const stage = warnDaysLeft.findLast((days) => daysLeft <= days);
      const certificate = `${file} ${notAfterMs}`;
      if (stage === undefined || this.#warnedStages.get(certificate) === stage) continue;
      this.#warnedStages.set(certificate, stage);
      this.onEvent({ event: 'tls.expires', file, notAfterMs, daysLeft });
    }
  }

  #stampNow(): string {
    const { certFile, keyFile, clientCaFile, revokedFile } = this.settings;
    const files = [certFile, keyFile, clientCaFile, revokedFile].filter((file) => file !== undefined);
    return files.map(stampOf).join('\n');
  }
}

/** Days until a certificate expires, rounded up; 0 once it has expired. */
export const daysLeftOf = (notAfterMs: number, nowMs: number): number =>
  Math.max(0, Math.ceil((notAfterMs - nowMs) / dayMs));
