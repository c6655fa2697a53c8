// Certificates signed by themselves, made anew for each run: what a client that knows one trusts, and all others refuse.
import { generateKeyPairSync, sign } from 'node:crypto';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate for these host names, with its key. */
export function certificateFor(hosts: readonly string[]): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(0x30, oid('2a8648ce3d040302'));
  const name = der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from('played KMS')))));
  const dates = ['20200101000000Z', '20991231235959Z'].map((date) => der(0x18, Buffer.from(date)));
  const names = der(0x04, der(0x30, ...hosts.map((host) => der(0x82, Buffer.from(host)))));
  const extensions = der(0xa3, der(0x30, der(0x30, oid('551d11'), names)));
  const start = [der(0xa0, der(0x02, Buffer.of(2))), der(0x02, Buffer.of(1)), algorithm, name];
  const subject = [der(0x30, ...dates), name, publicKey.export({ type: 'spki', format: 'der' }), extensions];
  const body = der(0x30, ...start, ...subject);
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey));
  const base64 = der(0x30, body, algorithm, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

/** One ASN.1 value: its tag, its length, its parts. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}
