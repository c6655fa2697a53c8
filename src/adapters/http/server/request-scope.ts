// The outermost middleware of every request: sets its id and its trace span, records one event when it is answered, and
// turns an exception into a 500. Never lets text of an exception into the answer.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { untraced } from '../../../application/resilience/spans.js';
import type { Clock } from '../../../ports/clock.js';
import type { RequestAnswered } from '../../../ports/telemetry.js';
import type { Span, TraceHeaders, Tracer } from '../../../ports/tracer.js';
import { answerProblem } from './answers.js';
import { unknownRoute, type RequestState } from './request-state.js';

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
    // The functions of answers.ts write the whole answer: Koa has nothing to add.
    ctx.respond = false;
    const facts = { 'http.request.method': ctx.method, 'rkms.request_id': state.requestId };
    return tracer.request(traceHeadersOf(ctx.req), facts, async (span) => {
      if (span.traceId !== undefined) state.traceId = span.traceId;
      await answered(ctx, next);
      annotate(span, ctx);
      onRequest({
        event: 'request.answered',
        ...state,
        method: ctx.method,
        durationMs: clock.monotonicMs() - startedMs,
      });
    });
  };

async function answered(ctx: Context, next: () => Promise<unknown>): Promise<void> {
  // Nothing is answered before Node has parsed the rest of what arrived: it may make the request malformed.
  await Promise.resolve();
  try {
    await next();
  } catch (bug) {
    (ctx.state as RequestState).bug = bug;
    if (ctx.res.headersSent) ctx.req.socket.destroy();
    else answerProblem(ctx, { kind: 'internal' });
  }
}

/** Node joins repeated headers with a comma; the tracer rejects the result. */
const traceHeadersOf = ({ headersDistinct }: IncomingMessage): TraceHeaders => ({
  traceparent: headersDistinct['traceparent']?.join(),
  tracestate: headersDistinct['tracestate']?.join(),
});

/** Attribute names follow OpenTelemetry's conventions. Only a 5xx marks the span as failed. */
function annotate(span: Span, { state, method }: Context): void {
  const { route, status, failure, served } = state as RequestState;
  span.note({ 'http.request.method': method, 'http.route': route, 'http.response.status_code': status });
  if (served) span.note({ 'rkms.region': served.region, 'rkms.created': served.created });
  if (failure === undefined) return;
  span.note({ 'rkms.problem': failure.kind });
  if (status >= 500) span.fail(failure.kind);
}

/** The client's id for the request if it has the allowed form, otherwise a new UUID. */
export const requestIdOf = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' && requestIdPattern.test(header) ? header : randomUUID();

/** The allowed form of a client's id for the request. Strict, because logs contain it. */
export const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
