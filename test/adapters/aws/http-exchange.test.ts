// What the network delivers is overwritten once it was copied, whatever becomes of the call.
import { describe, expect, it } from '@jest/globals';
import type { Dispatcher } from 'undici';
import { AnswerHandler } from '../../../src/adapters/aws/http-exchange.js';

const isWiped = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

class Exchange {
  readonly caller = new AbortController();
  readonly abortedWith: unknown[] = [];
  outcome: unknown;
  readonly controller = {
    abort: (reason: Error) => this.abortedWith.push(reason.name),
  } as unknown as Dispatcher.DispatchController;
  readonly handler = new AnswerHandler(
    1_000,
    this.caller.signal,
    ({ status, bytes }) => (this.outcome = [status, bytes.toString()]),
    (error) => (this.outcome = error),
  );

  receive(text: string): Buffer {
    const chunk = Buffer.from(text);
    this.handler.onResponseData(this.controller, chunk);
    return chunk;
  }
}

describe('an exchange', () => {
  it('answers with all bytes, and overwrites the pieces', () => {
    const exchange = new Exchange();
    exchange.handler.onRequestStart(exchange.controller);
    exchange.handler.onResponseStart(exchange.controller, 200, { 'content-length': '6' });
    const pieces = [exchange.receive('abc'), exchange.receive('def')];
    exchange.handler.onResponseEnd();
    expect(exchange.outcome).toEqual([200, 'abcdef']);
    expect(pieces.every(isWiped)).toBe(true);
  });

  it('answers with all bytes when their number was not announced', () => {
    const exchange = new Exchange();
    exchange.handler.onResponseStart(exchange.controller, 200, {});
    for (let n = 0; n < 100; n += 1) exchange.receive('abc');
    exchange.handler.onResponseEnd();
    expect(exchange.outcome).toEqual([200, 'abc'.repeat(100)]);
  });

  it('ends when its signal fires, drops the connection, and overwrites what still comes', () => {
    const exchange = new Exchange();
    exchange.handler.onRequestStart(exchange.controller);
    exchange.handler.onResponseStart(exchange.controller, 200, { 'content-length': '6' });
    exchange.receive('abc');
    exchange.caller.abort();
    expect(exchange.outcome).toMatchObject({ name: 'AbortError' });
    expect(exchange.abortedWith).toEqual(['AbortError']);
    expect(isWiped(exchange.receive('def'))).toBe(true);
  });

  it('that waits for a connection ends when its signal fires, and is dropped when it gets one', () => {
    const exchange = new Exchange();
    exchange.caller.abort();
    expect(exchange.outcome).toMatchObject({ name: 'AbortError' });
    exchange.handler.onRequestStart(exchange.controller);
    expect(exchange.abortedWith).toEqual(['AbortError']);
  });

  it('ends with the error of a connection that breaks', () => {
    const exchange = new Exchange();
    exchange.handler.onResponseError(exchange.controller, new Error('reset'));
    expect(exchange.outcome).toMatchObject({ message: 'reset' });
  });

  it('is ended when the answer is longer than AWS sends it', () => {
    const exchange = new Exchange();
    exchange.handler.onResponseStart(exchange.controller, 200, {});
    const piece = Buffer.alloc(600);
    exchange.handler.onResponseData(exchange.controller, piece);
    exchange.handler.onResponseData(exchange.controller, piece);
    expect(exchange.abortedWith).toEqual(['SyntaxError']);
  });

  it('is ended before it takes memory for a longer answer than AWS sends', () => {
    const exchange = new Exchange();
    exchange.handler.onResponseStart(exchange.controller, 200, { 'content-length': '1001' });
    expect(exchange.abortedWith).toEqual(['SyntaxError']);
  });
});
