// Spans through OpenTelemetry's API. Without an SDK, which is loaded by whoever wants traces, each is a few objects that
// nobody keeps. A caller's baggage is not taken over: it would travel on to AWS.
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span as OtelSpan,
} from '@opentelemetry/api';
import type { Span, SpanFacts, TraceHeaders, Tracer } from '../../ports/tracer.js';
import { remoteSpanOf } from './trace-parent.js';

export class OpenTelemetryTracer implements Tracer {
  readonly #tracer = trace.getTracer('rkms');

  request<T>(headers: TraceHeaders, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T> {
    const parent = parentOf(headers);
    const span = this.#tracer.startSpan('request', { kind: SpanKind.SERVER, attributes: facts }, parent);
    return within(span, parent, act);
  }

  span<T>(name: string, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T> {
    const parent = context.active();
    return within(this.#tracer.startSpan(name, { attributes: facts }, parent), parent, act);
  }
}

/** Where HTTP itself is traced, its span has taken the caller's trace over already. */
function parentOf(headers: TraceHeaders): Context {
  const active = context.active();
  if (trace.getSpan(active) !== undefined) return active;
  const remote = remoteSpanOf(headers);
  return remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
}

async function within<T>(span: OtelSpan, parent: Context, act: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(parent, span), () => act(seen(span)));
  } catch (bug) {
    span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', 'bug');
    throw bug;
  } finally {
    span.end();
  }
}

/** An HTTP span is called by its method and route, as OpenTelemetry's conventions have it. */
function seen(span: OtelSpan): Span {
  const fail = (kind: string): void => {
    span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', kind);
  };
  const note = (facts: SpanFacts): void => {
    span.setAttributes(facts);
    const { 'http.request.method': method, 'http.route': route } = facts;
    if (method !== undefined && route !== undefined) span.updateName(`${method} ${route}`);
  };
  return { note, fail, ...(span.isRecording() && { traceId: span.spanContext().traceId }) };
}
