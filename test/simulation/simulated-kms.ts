// The KMS of all regions as one list: a ciphertext is an index, and its entry holds the key and the context. As strict as real
// KMS, without cryptography, and the checker can read the list.
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { DataKey, type DataKeyLength } from '../../src/domain/keys/data-key.js';
import type { EncryptionContext } from '../../src/domain/keys/encryption-context.js';
import type { VaultFailure } from '../../src/domain/failures/region-failures.js';
import type { Region } from '../../src/domain/ids.js';
import type { RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { KeyVault } from '../../src/ports/key-vault.js';
import type { History } from './history.js';
import type { Caller, Ports } from './port-call.js';
import type { PortMethod } from './faults.js';
import type { Random } from './random.js';

interface Line {
  readonly region: Region;
  readonly context: string;
  readonly plaintext: Uint8Array;
  /** It can never be opened: its KMS key was deleted, or its bytes are damaged. */
  lost: boolean;
  /** Not what was requested: its region lied. */
  isWrong: boolean;
}

export const contextText = (context: EncryptionContext): string =>
  [
    context['rkms:deployment'] as string | undefined,
    context['rkms:id'] as string | undefined,
    context['rkms:version'] as string | undefined,
    context['rkms:commitment'],
  ].join(' ');

const rejected: VaultFailure = { kind: 'ciphertext.rejected' };

export class SimulatedKms {
  /** Regions that do not answer for a while. */
  readonly down = new Set<Region>();
  private readonly book: Line[] = [];

  constructor(private readonly random: Random) {}

  generate(length: number): Uint8Array {
    return this.random.bytes(length);
  }

  encrypt(region: Region, plaintext: Uint8Array, context: string): RegionalCiphertext {
    const line = this.book.push({ region, context, plaintext, lost: false, isWrong: false }) - 1;
    const bytes = Uint8Array.of(0x52, line >>> 24, line >>> 16, line >>> 8, line);
    return { region, kmsKey: `kms:${region}`, bytes };
  }

  decrypt(region: Region, ciphertext: RegionalCiphertext, context: string): Result<Uint8Array, VaultFailure> {
    const line = this.lineOf(ciphertext);
    const opens = line?.region === region && line.context === context && !line.lost;
    return opens ? ok(line.plaintext) : err(rejected);
  }

  /** The entry of a ciphertext: the true content, for the checker and for lying regions. */
  lineOf({ bytes }: RegionalCiphertext): Line | undefined {
    if (bytes.length !== 5 || bytes[0] !== 0x52) return undefined;
    return this.book[bytes.slice(1).reduce((sum, byte) => sum * 256 + byte, 0)];
  }

  /** Some ciphertext that this region once made. */
  anyPlaintext(random: Random): Uint8Array | undefined {
    return this.book[random.below(this.book.length)]?.plaintext;
  }
}

const refusals: readonly VaultFailure[] = [
  { kind: 'region.unavailable', reason: 'refused' },
  { kind: 'region.unavailable', reason: 'server-error' },
  { kind: 'region.throttled' },
  { kind: 'region.untrusted' },
  { kind: 'vault.misconfigured', reason: 'disabled' },
  { kind: 'credentials.invalid' },
  { kind: 'vault.request-invalid' },
  { kind: 'ciphertext.rejected' },
];
const refusal = (random: Random): VaultFailure => random.pick(refusals);
const lost = (random: Random): VaultFailure =>
  random.pick<VaultFailure>([
    { kind: 'region.unavailable', reason: 'reset' },
    { kind: 'region.unavailable', reason: 'timed-out' },
  ]);

/** One region's KMS as one process sees it. */
export class SimulatedVault implements KeyVault {
  constructor(
    readonly region: Region,
    private readonly kms: SimulatedKms,
    private readonly caller: Caller,
    private readonly ports: Ports,
    private readonly history: History,
  ) {}

  generateDataKey(length: DataKeyLength, context: EncryptionContext): ResultAsync<DataKey, VaultFailure> {
    this.history.generates(this.caller, context);
    return this.call('vault.generateDataKey', () => ok(this.kms.generate(length)), {
      lie: (_truth, random) => ok(random.bytes(random.pick([16, 32, 64]))),
    }).map((bytes) => this.handOut(bytes, context));
  }

  encrypt(key: DataKey, context: EncryptionContext): ResultAsync<RegionalCiphertext, VaultFailure> {
    const plaintext = key.reveal((bytes) => new Uint8Array(bytes));
    this.history.encrypts(this.caller, key, context);
    const bound = contextText(context);
    return this.call('vault.encrypt', () => ok(this.kms.encrypt(this.region, plaintext, bound)), {
      lie: (_truth, random) => ok(this.wrongCiphertext(plaintext, bound, random)),
    });
  }

  decrypt(ciphertext: RegionalCiphertext, context: EncryptionContext): ResultAsync<DataKey, VaultFailure> {
    this.history.decrypts(this.caller, context);
    const bound = contextText(context);
    return this.call('vault.decrypt', () => this.kms.decrypt(this.region, ciphertext, bound), {
      lie: (_truth, random) => ok(this.wrongPlaintext(ciphertext, random)),
    }).map((bytes) => this.handOut(bytes, context));
  }

  probe(): ResultAsync<void, VaultFailure> {
    return this.call('vault.probe', () => ok(undefined));
  }

  private handOut(bytes: Uint8Array, context: EncryptionContext): DataKey {
    const key = DataKey.take(new Uint8Array(bytes))._unsafeUnwrap();
    this.history.handsOut(this.caller, key, context);
    return key;
  }

  private wrongCiphertext(plaintext: Uint8Array, bound: string, random: Random): RegionalCiphertext {
    const wrong = this.someWrongCiphertext(plaintext, bound, random);
    const line = this.kms.lineOf(wrong);
    if (line) line.isWrong = true;
    return wrong;
  }

  /** A ciphertext of another key, of another name, of another region, or one that does not open. */
  private someWrongCiphertext(plaintext: Uint8Array, bound: string, random: Random): RegionalCiphertext {
    const right = this.kms.encrypt(this.region, plaintext, bound);
    switch (random.below(4)) {
      case 0:
        return this.kms.encrypt(this.region, random.bytes(plaintext.length), bound);
      case 1:
        return this.kms.encrypt(this.region, plaintext, bound.replace(' ', ' other-'));
      case 2:
        return { ...right, region: `${this.region}-else` as Region };
      default:
        return { ...right, bytes: random.bytes(5) };
    }
  }

  /** Another key, another id's key, the key shortened or padded with zeros, or the right key without a context check. */
  private wrongPlaintext(ciphertext: RegionalCiphertext, random: Random): Uint8Array {
    const line = this.kms.lineOf(ciphertext);
    // A region that encrypts wrongly and then returns exactly the right key cannot be detected by asking it.
    if (line === undefined || line.isWrong) return random.bytes(32);
    const inside = line.plaintext;
    switch (random.below(5)) {
      case 0:
        return random.bytes(inside.length);
      case 1:
        return this.kms.anyPlaintext(random) ?? random.bytes(32);
      case 2:
        return inside.slice(0, 16);
      case 3:
        return Uint8Array.from({ length: 64 }, (_, at) => inside[at] ?? 0);
      default:
        return inside;
    }
  }

  private call<T>(
    method: PortMethod,
    effect: () => Result<T, VaultFailure>,
    more: { readonly lie?: (truth: Result<T, VaultFailure>, random: Random) => Result<T, VaultFailure> } = {},
  ): ResultAsync<T, VaultFailure> {
    const { kms, region } = this;
    const reached = (): Result<T, VaultFailure> =>
      kms.down.has(region) ? err({ kind: 'region.unavailable', reason: 'unreachable' }) : effect();
    return this.ports.call(this.caller, { method, about: region, effect: reached, refusal, lost, ...more });
  }
}
