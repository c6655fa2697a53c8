// Names are resolved once at a time, kept while DNS is down, and never through libuv's threads.
import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import { hostsEntries, NameResolver } from '../../../src/adapters/system/name-resolver.js';
import { ManualClock, settle } from '../../support/manual-clock.js';

const address = (text: string): LookupAddress => ({ address: text, family: text.includes(':') ? 6 : 4 });

class Dns {
  readonly clock = new ManualClock();
  readonly asked: string[] = [];
  answer: () => Promise<readonly LookupAddress[]> = () => Promise.resolve([address('192.0.2.1')]);
  readonly resolver = new NameResolver(this.clock, (name) => {
    this.asked.push(name);
    return this.answer();
  });

  async addresses(name = 'kms.test'): Promise<readonly string[]> {
    return (await this.resolver.addressesOf(name)).map((each) => each.address);
  }
}

const down = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'ETIMEOUT' }));

describe('a name', () => {
  it('is asked for once by connections that need it at the same time, and then kept for a minute', async () => {
    const dns = new Dns();
    await Promise.all([dns.addresses(), dns.addresses()]);
    await dns.clock.advance(59_000);
    expect(await dns.addresses()).toEqual(['192.0.2.1']);
    expect(dns.asked).toEqual(['kms.test']);
  });

  it('that changed is noticed in the background', async () => {
    const dns = new Dns();
    await dns.addresses();
    dns.answer = () => Promise.resolve([address('192.0.2.2')]);
    await dns.clock.advance(61_000);
    expect(await dns.addresses()).toEqual(['192.0.2.1']);
    await settle();
    expect(await dns.addresses()).toEqual(['192.0.2.2']);
  });

  it('keeps its last good addresses while DNS is down, for as long as that lasts', async () => {
    const dns = new Dns();
    await dns.addresses();
    dns.answer = down;
    await dns.clock.advance(86_400_000);
    expect(await dns.addresses()).toEqual(['192.0.2.1']);
  });

  it('that hangs holds up no other name', async () => {
    const dns = new Dns();
    const answer = dns.answer;
    dns.answer = () => new Promise(() => undefined);
    void dns.addresses('hangs.test');
    dns.answer = answer;
    expect(await dns.addresses()).toEqual(['192.0.2.1']);
  });

  it('that was never resolved fails with the code of DNS, and is asked for again', async () => {
    const dns = new Dns();
    dns.answer = down;
    await expect(dns.addresses()).rejects.toMatchObject({ code: 'ETIMEOUT' });
    await expect(dns.addresses()).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(dns.asked).toHaveLength(2);
  });
});

describe('a lookup for a connection', () => {
  const dns = new Dns();
  dns.answer = () => Promise.resolve([address('192.0.2.1'), address('2001:db8::1')]);
  const lookup = (options: object): Promise<unknown[]> =>
    new Promise((resolve) => {
      dns.resolver.lookup('kms.test', options, (...answer) => {
        resolve(answer);
      });
    });

  it('answers with all addresses, the first, or those of a family', async () => {
    expect(await lookup({ all: true })).toEqual([null, [address('192.0.2.1'), address('2001:db8::1')]]);
    expect(await lookup({})).toEqual([null, '192.0.2.1', 4]);
    expect(await lookup({ family: 6 })).toEqual([null, '2001:db8::1', 6]);
  });
});

describe('a hosts file', () => {
  const hosts = '# comment\n127.0.0.1 localhost\n::1 localhost\n10.0.0.7 KMS.internal other # note\n';

  it.each([
    ['kms.internal', ['10.0.0.7']],
    ['other', ['10.0.0.7']],
    ['localhost', ['127.0.0.1', '::1']],
    ['note', []],
    ['kms', []],
  ])('has for %s %j', (name, expected) => {
    expect(hostsEntries(name, hosts).map((each) => each.address)).toEqual(expected);
  });

  it('that is empty still leaves localhost', () => {
    expect(hostsEntries('localhost', '')).toEqual([address('127.0.0.1')]);
  });
});
