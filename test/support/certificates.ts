// A small public key infrastructure, made anew for each test: authorities, and certificates with exactly the names, usages
// and dates that a test wants, right or wrong.
import {
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';

export interface Issued {
  /** PEM. */
  readonly key: string;
  /** PEM; after it those that sign it, without the authority at the end. */
  readonly cert: string;
  readonly x509: X509Certificate;
}

export interface Wanted {
  readonly commonName?: string;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly emails?: readonly string[];
  /** Object identifiers; none makes a certificate without the extension. */
  readonly usages?: readonly (keyof typeof usageOids)[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Whether it may sign others. */
  readonly authority?: boolean;
}

const usageOids = {
  client: '2b06010505070302',
  server: '2b06010505070301',
  any: '551d2500',
} as const;

interface Signer {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly chain: string;
}

/** Signs certificates, whether it may (`authority`) or not; itself signed by itself, or by another authority. */
export class Authority {
  readonly issued: Issued;
  readonly #signer: Signer;

  constructor(name: string, above?: Authority, wanted: Wanted = {}) {
    const all = { authority: true, ...wanted, commonName: name };
    const { issued, signer } = issue(all, above === undefined ? undefined : above.#signer);
    this.issued = issued;
    this.#signer = signer;
  }

  /** PEM. */
  get cert(): string {
    return this.issued.x509.toString();
  }

  issue(wanted: Wanted): Issued {
    return issue(wanted, this.#signer).issued;
  }

  /** For a server on this machine, with this name of its own to tell it by. */
  server(commonName = 'server', wanted: Wanted = {}): Issued {
    return this.issue({ commonName, dns: ['localhost'], usages: ['server'], ...wanted });
  }

  /** For a caller with these names, as the configuration writes them. */
  client(names: readonly string[], wanted: Wanted = {}): Issued {
    const of = (kind: string): string[] =>
      names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
    return this.issue({ dns: of('dns:'), uris: of('uri:'), usages: ['client'], ...wanted });
  }
}

/** Signed by nobody but itself. */
export const selfSigned = (wanted: Wanted): Issued => issue(wanted, undefined).issued;

function issue(wanted: Wanted, signer: Signer | undefined): { issued: Issued; signer: Signer } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = nameOf(wanted.commonName ?? '');
  const body = bodyOf(wanted, name, signer?.name ?? name, privateKey);
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, signer?.key ?? privateKey));
  const base64 = der(0x30, body, algorithm(), signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const chain = pem + (signer?.chain ?? '');
  return {
    issued: { key, cert: chain, x509: new X509Certificate(pem) },
    // The chain ends below the authority that signed itself: whoever trusts it has it.
    signer: { name, key: privateKey, chain: signer === undefined ? '' : chain },
  };
}

function bodyOf(wanted: Wanted, name: Buffer, issuer: Buffer, key: KeyObject): Buffer {
  const { notBefore = new Date(Date.now() - 60_000), notAfter = new Date(Date.now() + 100 * 86_400_000) } =
    wanted;
  const dates = [notBefore, notAfter].map((date) => der(0x18, Buffer.from(timeText(date))));
  const serial = Buffer.concat([Buffer.of(0x40), randomBytes(11)]);
  return der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    algorithm(),
    issuer,
    der(0x30, ...dates),
    name,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensionsOf(wanted))),
  );
}

function extensionsOf({ dns = [], uris = [], emails = [], usages = [], authority }: Wanted): Buffer[] {
  const names = [
    ...emails.map((email) => der(0x81, Buffer.from(email))),
    ...dns.map((host) => der(0x82, Buffer.from(host))),
    ...uris.map((uri) => der(0x86, Buffer.from(uri))),
  ];
  return [
    ...(authority === true ? [extension('551d13', der(0x30, der(0x01, Buffer.of(255))), true)] : []),
    ...(names.length > 0 ? [extension('551d11', der(0x30, ...names))] : []),
    ...(usages.length > 0
      ? [extension('551d25', der(0x30, ...usages.map((usage) => oid(usageOids[usage]))))]
      : []),
  ];
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  der(0x30, oid(id), ...(critical ? [der(0x01, Buffer.of(255))] : []), der(0x04, value));

const nameOf = (commonName: string): Buffer =>
  der(
    0x30,
    ...(commonName === '' ? [] : [der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(commonName))))]),
  );

const algorithm = (): Buffer => der(0x30, oid('2a8648ce3d040302'));
const timeText = (date: Date): string => `${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

/** One ASN.1 value: its tag, its length, its parts. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, ...lengthOf(body.length)), body]);
}

/** In as few bytes as can be, which DER demands. */
function lengthOf(length: number): readonly number[] {
  if (length < 128) return [length];
  return length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
}
