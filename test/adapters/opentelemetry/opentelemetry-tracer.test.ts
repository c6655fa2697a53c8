// Traces through OpenTelemetry, with an SDK that keeps them in memory: which spans a request has, in whose trace they are,
// and that nothing changes without an SDK.
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenTelemetryTracer } from '../../../src/adapters/opentelemetry/opentelemetry-tracer.js';
import { ServedApp } from '../../support/served-app.js';
import { hedgeAfterMs } from '../../support/virtual-service.js';
import { settle } from '../../support/manual-clock.js';
import { until } from '../../support/until.js';

const plaintext = Buffer.alloc(32, 0x52);
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

let exporter: InMemorySpanExporter;
let app: ServedApp;
function loadSdk(): void {
  exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}
beforeEach(async () => {
  loadSdk();
  app = await ServedApp.start({ tracer: new OpenTelemetryTracer() });
  await app.service.stored('orders/7', plaintext);
});
afterEach(async () => {
  await app.stop();
  for (const api of [trace, context, propagation]) api.disable();
});

const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans();
/** Each span as `parent > name`, with its facts. */
function told(): readonly (readonly [string, object])[] {
  const names = new Map(spans().map((span) => [span.spanContext().spanId, span.name]));
  return spans().map((span) => {
    const parent = names.get(span.parentSpanContext?.spanId ?? '');
    return [parent === undefined ? span.name : `${parent} > ${span.name}`, span.attributes];
  });
}
const get = (headers = {}, id = 'orders/7') =>
  app.get(`/key?id=${id}`, { 'x-request-id': 'r-1', ...headers });
const request = { 'http.request.method': 'GET', 'http.route': '/key', 'rkms.request_id': 'r-1' };

describe('the spans of a request', () => {
  it('are one for the request, one for the store, and one for each call to a region', async () => {
    await get();
    expect(told()).toEqual([
      ['GET /key > store.genesis', {}],
      ['GET /key > store.find', {}],
      ['GET /key > region.decrypt', { 'rkms.region': 'eu-central-1', 'rkms.hedge': false }],
      [
        'GET /key',
        {
          ...request,
          'http.response.status_code': 200,
          'rkms.region': 'eu-central-1',
          'rkms.created': false,
        },
      ],
    ]);
  });

  it('show a hedged call, and the region whose call lost the race', async () => {
    app.service.vaults[0].script('decrypt', 'hang-until-aborted');
    const answer = get();
    await until(() => app.service.vaults[0].count('decrypt') === 1);
    await settle();
    await app.service.clock.advance(hedgeAfterMs);
    await answer;
    expect(told().filter(([name]) => name.endsWith('region.decrypt'))).toEqual([
      ['GET /key > region.decrypt', { 'rkms.region': 'eu-west-1', 'rkms.hedge': true }],
      [
        'GET /key > region.decrypt',
        {
          'rkms.region': 'eu-central-1',
          'rkms.hedge': false,
          'error.type': 'region.unavailable',
          'rkms.reason': 'hedge-lost',
        },
      ],
    ]);
  });

  it('have one span for a creation, with all its calls inside', async () => {
    await get({}, 'new');
    const names = told().map(([name]) => name);
    expect(names.filter((name) => name.startsWith('key.create > ')).sort()).toEqual([
      'key.create > region.encrypt',
      'key.create > region.encrypt',
      'key.create > region.encrypt',
      'key.create > region.generate',
      'key.create > region.read-back',
      'key.create > region.read-back',
      'key.create > region.read-back',
      'key.create > store.insert',
    ]);
    expect(names).toContain('GET /key > key.create');
  });

  it('have the kind of the failure, and are errors only when RKMS failed', async () => {
    for (const vault of app.service.vaults) vault.fails('vault.request-invalid');
    await get();
    await app.ask({ target: '/key?id=orders/7', headers: { 'x-request-id': 'r-1' } });
    const ours = { ...request, 'http.response.status_code': 500 };
    expect(told().filter(([name]) => name === 'GET /key')).toEqual([
      [
        'GET /key',
        { ...ours, 'rkms.problem': 'vault.request-invalid', 'error.type': 'vault.request-invalid' },
      ],
      ['GET /key', { ...request, 'http.response.status_code': 401, 'rkms.problem': 'authentication.failed' }],
    ]);
    expect(spans().map(({ status }) => status.code)).toEqual([0, 0, 2, 2, 0]);
  });

  it('end when a bug is thrown', async () => {
    app.service.store.instead.find = () => {
      throw new Error('canary');
    };
    await get();
    expect(told()).toEqual([
      ['GET /key > store.find', { 'error.type': 'bug' }],
      ['GET /key > store.genesis', {}],
      [
        'GET /key',
        {
          ...request,
          'http.response.status_code': 500,
          'rkms.problem': 'internal',
          'error.type': 'internal',
        },
      ],
    ]);
    expect(JSON.stringify(spans().map(({ events, status }) => [events, status]))).not.toContain('canary');
  });

  it('contain no key, no key id and no credential', async () => {
    await get();
    await get({}, 'new');
    const text = JSON.stringify(
      spans().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
    );
    for (const secret of ['orders/7', 'new', 'rkms_', plaintext.toString('base64')])
      expect(text).not.toContain(secret);
  });
});

describe('the trace of a request', () => {
  it('is the one that the caller names, and is in the log line', async () => {
    await get({ traceparent, tracestate: 'vendor=1' });
    expect(new Set(spans().map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
    const own = spans().at(-1);
    expect([own?.parentSpanContext?.spanId, own?.spanContext().traceState?.serialize()]).toEqual([
      '00f067aa0ba902b7',
      'vendor=1',
    ]);
    expect(app.lines).toMatchObject([{ traceId }]);
  });

  it.each([
    ['of a later version', `01-${traceId}-00f067aa0ba902b7-01-more`],
    ['that is not sampled', `00-${traceId}-00f067aa0ba902b7-00`],
  ])('may be one %s', async (_, named) => {
    await get({ traceparent: named });
    const known = named.endsWith('-00') ? [] : [traceId];
    expect([...new Set(spans().map((span) => span.spanContext().traceId))]).toEqual(known);
  });

  it.each([
    ['none', undefined],
    ['no text', ''],
    ['capitals', traceparent.toUpperCase()],
    ['version ff', `ff${traceparent.slice(2)}`],
    ['more than version 00 has', `${traceparent}-more`],
    ['zeros for the trace', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['zeros for the span', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['too few digits', `00-${traceId.slice(1)}-00f067aa0ba902b7-01`],
    ['two values', `${traceparent},${traceparent}`],
  ])('is a new one where the caller sends %s, and the request is served', async (_, named) => {
    const answer = await get(named === undefined ? {} : { traceparent: named });
    expect(answer.status).toBe(200);
    const traces = new Set(spans().map((span) => span.spanContext().traceId));
    expect([traces.size, traces.has(traceId), spans().at(-1)?.parentSpanContext]).toEqual([
      1,
      false,
      undefined,
    ]);
  });

  it('continues a span that is already active, as with an instrumented HTTP server', async () => {
    const outer = trace.getTracer('http').startSpan('outer');
    await context.with(trace.setSpan(context.active(), outer), () =>
      new OpenTelemetryTracer().request({ traceparent }, {}, () => Promise.resolve()),
    );
    outer.end();
    expect(told()).toEqual([
      ['outer > request', {}],
      ['outer', {}],
    ]);
  });
});

describe('without an SDK', () => {
  it('a request is served normally, and its log line has no trace id', async () => {
    for (const api of [trace, context, propagation]) api.disable();
    await app.stop();
    app = await ServedApp.start({ tracer: new OpenTelemetryTracer() });
    await app.service.stored('orders/7', plaintext);
    const answer = await get({ traceparent });
    expect(answer.status).toBe(200);
    expect(spans()).toEqual([]);
    expect(app.lines[0]).not.toHaveProperty('traceId');
  });
});
