// Shows what the real AWS client sees of the faults on a played region's connections, with and without TLS.
// It must never wait for time to pass, other than for an answer which is meant to be late.
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUp, post, start, startWithClient, TestClient, until } from './kms-test-client.js';

afterEach(cleanUp);

describe('a region with a fault on its connections', () => {
  test('a refused port closes every connection, and heals on the same port', async () => {
    const { kms, client } = await startWithClient();
    const { endpoint } = kms;
    const { CiphertextBlob } = await client.encrypt();
    await kms.fail('refused');
    expect(kms.openConnections()).toBe(0);
    await expect(client.decrypt(CiphertextBlob)).rejects.toThrow('ECONNREFUSED');
    await kms.heal();
    expect(kms.endpoint).toBe(endpoint);
    await expect(client.decrypt(CiphertextBlob)).resolves.toBeDefined();
    expect(kms.calls).toHaveLength(2);
  });

  test('a refused port opens again for another fault', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('refused');
    await kms.fail('throttled');
    await expect(client.generate()).rejects.toMatchObject({ name: 'ThrottlingException' });
  });

  test('a reset connection ends the call after it was read', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('reset');
    await expect(client.generate()).rejects.toThrow('ECONNRESET');
    expect(kms.calls).toHaveLength(1);
    await kms.heal();
    await expect(client.generate()).resolves.toBeDefined();
    expect(kms.aborted()).toBe(0);
  });

  test('a reset in the middle of an answer comes after the headers and before the end', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('reset-mid-answer');
    const answer = await post(kms, 'DescribeKey', JSON.stringify({ KeyId: kms.alias }));
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    await expect(client.generate()).rejects.toThrow();
    await until(() => kms.openConnections() === 0);
    expect(kms.aborted()).toBe(0);
  });

  test('a silent region reads the call and leaves the client to give up', async () => {
    const { kms, client } = await startWithClient();
    const { CiphertextBlob } = await client.encrypt();
    await kms.fail('silent');
    await expect(client.decrypt(CiphertextBlob, {}, 50)).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => kms.aborted() === 1);
    expect(kms.calls.at(-1)?.operation).toBe('Decrypt');
    await kms.heal();
    await expect(client.decrypt(CiphertextBlob)).resolves.toBeDefined();
  });

  test('healing destroys the connections which are stuck, and only those', async () => {
    const { kms, client } = await startWithClient();
    const { CiphertextBlob } = await client.encrypt();
    await kms.fail('silent', { operations: ['Decrypt'] });
    const stuck = client.decrypt(CiphertextBlob);
    const rejection = expect(stuck).rejects.toThrow();
    await until(() => kms.calls.length === 2);
    await client.encrypt();
    expect(kms.openConnections()).toBe(2);
    await kms.heal();
    await rejection;
    await until(() => kms.openConnections() === 1);
    expect(kms.aborted()).toBe(0);
  });

  test('a dripping region sends its headers at once and its answer byte by byte', async () => {
    const { kms } = await startWithClient();
    await kms.fail('dripping');
    const answer = await post(kms, 'DescribeKey', JSON.stringify({ KeyId: kms.alias }));
    expect(answer.status).toBe(200);
    const headersCame = performance.now();
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    expect(await reader.read()).toMatchObject({ done: false, value: { length: 1 } });
    expect(performance.now() - headersCame).toBeGreaterThan(100);
    const rest = expect(reader.read().then(() => reader.read())).rejects.toThrow();
    await kms.heal();
    await rest;
    expect(kms.aborted()).toBe(0);
  });

  test('a client which gives up on a dripping answer is counted', async () => {
    const { kms, client } = await startWithClient();
    await kms.fail('dripping');
    await expect(client.decrypt(Buffer.of(1), {}, 100)).rejects.toThrow();
    await until(() => kms.aborted() === 1);
  });

  test('a slow region answers rightly, but no sooner than told', async () => {
    const { kms, client } = await startWithClient();
    const made = await client.generate();
    await kms.fail('slow', { slowMs: 60 });
    const started = performance.now();
    const opened = await client.decrypt(made.CiphertextBlob);
    expect(performance.now() - started).toBeGreaterThan(55);
    expect(opened.Plaintext).toEqual(made.Plaintext);
  });
});

describe('stopping', () => {
  test.each(['silent', 'dripping', 'slow', 'refused'] as const)(
    'ends a region which is %s, and nothing opens it again',
    async (fault) => {
      const { kms, client } = await startWithClient();
      await kms.fail(fault, fault === 'slow' ? { slowMs: 3_600_000 } : {});
      const rejection = expect(client.generate()).rejects.toThrow();
      if (fault !== 'refused') await until(() => kms.calls.length === 1);
      await kms.stop();
      await rejection;
      await kms.heal();
      await expect(client.generate()).rejects.toThrow('ECONNREFUSED');
      expect([kms.openConnections(), kms.aborted()]).toEqual([0, 0]);
      await expect(kms.stop()).resolves.toBeUndefined();
    },
  );
});

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

/** A certificate for the loopback address, signed by itself, with its key. */
function selfSigned(): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const commonName = der(0x30, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('loopback')));
  const name = der(0x30, der(0x31, commonName));
  const dates = ['20200101000000Z', '20991231235959Z'].map((date) => der(0x18, Buffer.from(date)));
  const addresses = der(0x04, der(0x30, der(0x87, Buffer.of(127, 0, 0, 1))));
  const extensions = der(0xa3, der(0x30, der(0x30, der(0x06, Buffer.from('551d11', 'hex')), addresses)));
  const start = [der(0xa0, der(0x02, Buffer.of(2))), der(0x02, Buffer.of(1)), algorithm, name];
  const subject = [der(0x30, ...dates), name, publicKey.export({ type: 'spki', format: 'der' }), extensions];
  const body = der(0x30, ...start, ...subject);
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey));
  const base64 = der(0x30, body, algorithm, signature).toString('base64');
  const cert = `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
}

describe('a region behind TLS', () => {
  test('does all the same, faults on its connections included', async () => {
    const tls = selfSigned();
    const kms = await start({ tls });
    const client = new TestClient(kms, { requestHandler: { httpsAgent: { ca: tls.cert } } });
    expect(kms.endpoint).toMatch(/^https:/);
    const { CiphertextBlob } = await client.encrypt();
    await kms.fail('reset');
    await expect(client.decrypt(CiphertextBlob)).rejects.toThrow('ECONNRESET');
    await kms.fail('reset-mid-answer');
    await expect(client.decrypt(CiphertextBlob)).rejects.toThrow();
    await kms.fail('silent');
    await expect(client.decrypt(CiphertextBlob, {}, 100)).rejects.toThrow();
    await until(() => kms.aborted() === 1 && kms.openConnections() === 0);
    await kms.fail('refused');
    await expect(client.decrypt(CiphertextBlob)).rejects.toThrow('ECONNREFUSED');
    await kms.heal();
    await expect(client.decrypt(CiphertextBlob)).resolves.toMatchObject({ KeyId: kms.keyArn });
    expect(kms.openConnections()).toBe(1);
  });
});
