// The outermost layer of every request: its id, its span, the headers that every answer has, the one event that tells of it,
// and the net that turns a bug into a silent 500.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { untraced } from '../../../application/resilience/spans.js';
import type { Clock } from '../../../ports/clock.js';
import type { RequestAnswered } from '../../../ports/telemetry.js';
import type { Span, TraceHeaders, Tracer } from '../../../ports/tracer.js';
import { answerProblem, commonHeaders, requestIdHeader } from './answers.js';
import { unknownRoute, type RequestState } from './request-state.js';
import { strictTransportSecurity } from '../tls/tls.js';

interface ScopeParts {
  readonly clock: Clock;
  readonly onRequest: (answered: RequestAnswered) => void;
  readonly tracer?: Tracer;
}

export const requestScope =
  ({ clock, onRequest, tracer = untraced }: ScopeParts): Middleware =>
  (ctx, next) => {
    const startedMs = clock.monotonicMs();
    const state = ctx.state as RequestState;
    state.requestId = requestIdOf(ctx.req.headers['x-request-id']);
    state.route = unknownRoute;
    ctx.set({ ...commonHeaders, [requestIdHeader]: state.requestId });
    if (ctx.secure) ctx.set(strictTransportSecurity);
    const facts = { 'http.request.method': ctx.method, 'rkms.request_id': state.requestId };
    return tracer.request(traceHeadersOf(ctx.req), facts, async (span) => {
      if (span.traceId !== undefined) state.traceId = span.traceId;
      await answered(ctx, next);
      tell(span, ctx);
      onRequest({
        event: 'request.answered',
        ...state,
        method: ctx.method,
        status: ctx.status,
        durationMs: clock.monotonicMs() - startedMs,
        callerLeft: ctx.res.closed,
      });
    });
  };

async function answered(ctx: Context, next: () => Promise<unknown>): Promise<void> {
  try {
    await next();
  } catch (bug) {
    (ctx.state as RequestState).bug = bug;
    answerProblem(ctx, { kind: 'internal' });
  }
  // What is left of a body would have to be read before the connection could carry another request.
  if (hasBody(ctx.req) && !ctx.req.readableEnded) ctx.set('Connection', 'close');
}

/** Of two headers Node makes one text, which is of no good form. */
const traceHeadersOf = ({ headersDistinct }: IncomingMessage): TraceHeaders => ({
  traceparent: headersDistinct['traceparent']?.join(),
  tracestate: headersDistinct['tracestate']?.join(),
});

/** As OpenTelemetry's conventions name what is not our own; only failures of ours are errors. */
function tell(span: Span, { state, method, status }: Context): void {
  const { route, failure, served } = state as RequestState;
  span.note({ 'http.request.method': method, 'http.route': route, 'http.response.status_code': status });
  if (served) span.note({ 'rkms.region': served.region, 'rkms.created': served.created });
  if (failure === undefined) return;
  span.note({ 'rkms.problem': failure.kind });
  if (status >= 500) span.fail(failure.kind);
}

/** Whether a body is announced, of whatever length but none. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;

/** The sender's id for the request, where it is harmless; otherwise one of our own. */
export const requestIdOf = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' && requestIdPattern.test(header) ? header : randomUUID();

/** What a sender's id for a request may look like, for it ends up in logs. */
export const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
