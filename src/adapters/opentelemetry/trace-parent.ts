// The strict reading of the headers in which a caller names its trace (W3C Trace Context, level 1). What is not of its form
// is passed over, as the recommendation asks: the request is served, in a trace of its own.
import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api';
import type { TraceHeaders } from '../../ports/tracer.js';

/** Later versions may add fields at the end. */
const form = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?$/;
/** As much of `tracestate` as the recommendation wants kept. */
const maxStateLength = 512;

/** The caller's span, to which ours belong; undefined where none was named, or not properly. */
export function remoteSpanOf({ traceparent = '', tracestate }: TraceHeaders): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] = form.exec(traceparent) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  if (!isSpanContextValid(context)) return undefined;
  if (tracestate === undefined || tracestate.length > maxStateLength) return context;
  return { ...context, traceState: createTraceState(tracestate) };
}
