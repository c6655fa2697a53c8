// Creates spans through OpenTelemetry's API. RKMS loads no OpenTelemetry SDK; an operator who wants traces loads one, and
// without it no span is made. A caller's baggage is never propagated, because it
// would be sent to AWS.
import {
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span as OtelSpan,
  type SpanContext,
  type TracerProvider,
} from '@opentelemetry/api';
import type { Span, SpanFacts, TraceHeaders, Tracer } from '../../ports/tracer.js';

export class OpenTelemetryTracer implements Tracer {
  readonly #tracer = trace.getTracer('rkms');

  request<T>(headers: TraceHeaders, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T> {
    if (isWithoutSdk()) return act(noSpan);
    const parent = parentOf(headers);
    const span = this.#tracer.startSpan('request', { kind: SpanKind.SERVER, attributes: facts }, parent);
    return within(span, parent, act);
  }

  span<T>(name: string, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T> {
    if (isWithoutSdk()) return act(noSpan);
    const parent = context.active();
    return within(this.#tracer.startSpan(name, { attributes: facts }, parent), parent, act);
  }
}

const noSpan: Span = { note: () => undefined, fail: () => undefined };

/** The API's own provider has this method; it returns undefined as long as no SDK is registered. */
interface Delegating {
  getDelegateTracer?(name: string): unknown;
}

/** Whether nothing collects traces. An SDK may be registered at any time. */
function isWithoutSdk(): boolean {
  const provider: TracerProvider & Delegating = trace.getTracerProvider();
  return provider.getDelegateTracer !== undefined && provider.getDelegateTracer('rkms') === undefined;
}

/** An SDK's HTTP instrumentation has an active span already, with the caller's trace as its parent: that one is the parent. */
function parentOf(headers: TraceHeaders): Context {
  const active = context.active();
  if (trace.getSpan(active) !== undefined) return active;
  const remote = remoteSpanOf(headers);
  return remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
}

async function within<T>(span: OtelSpan, parent: Context, act: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(parent, span), () => act(portSpan(span)));
  } catch (bug) {
    span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', 'bug');
    throw bug;
  } finally {
    span.end();
  }
}

/** The port's view of a span. OpenTelemetry's conventions name an HTTP span by its method and route. */
function portSpan(span: OtelSpan): Span {
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

/** `traceparent` of W3C Trace Context, level 1; later versions may add fields at the end. */
const traceparentForm = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?$/;
/** The recommendation asks to propagate at least this many characters of `tracestate`. */
const maxStateLength = 512;

/**
 * The caller's span from its headers. Undefined if there is none, or if the header is malformed: as the recommendation asks,
 * the request is then served in a trace of its own.
 */
function remoteSpanOf({ traceparent = '', tracestate }: TraceHeaders): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] = traceparentForm.exec(traceparent) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  if (!isSpanContextValid(context)) return undefined;
  if (tracestate === undefined || tracestate.length > maxStateLength) return context;
  return { ...context, traceState: createTraceState(tracestate) };
}
