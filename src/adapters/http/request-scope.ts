// The outermost layer of every request: its id, the headers that every answer has, the one event that tells of it, and the
// net that turns a bug into a silent 500.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Clock } from '../../ports/clock.js';
import type { RequestAnswered } from '../../ports/telemetry.js';
import { answerProblem, commonHeaders, requestIdHeader } from './answers.js';
import { unknownRoute, type RequestState } from './request-state.js';
import { strictTransportSecurity } from './tls.js';

interface ScopeParts {
  readonly clock: Clock;
  readonly onRequest: (answered: RequestAnswered) => void;
}

export const requestScope =
  ({ clock, onRequest }: ScopeParts): Middleware =>
  async (ctx, next) => {
    const startedMs = clock.monotonicMs();
    const state = ctx.state as RequestState;
    state.requestId = requestIdOf(ctx.req.headers['x-request-id']);
    state.route = unknownRoute;
    ctx.set({ ...commonHeaders, [requestIdHeader]: state.requestId });
    if (ctx.secure) ctx.set(strictTransportSecurity);
    try {
      await next();
    } catch (bug) {
      state.bug = bug;
      answerProblem(ctx, { kind: 'internal' });
    }
    // What is left of a body would have to be read before the connection could carry another request.
    if (hasBody(ctx.req) && !ctx.req.readableEnded) ctx.set('Connection', 'close');
    onRequest({
      event: 'request.answered',
      ...state,
      method: ctx.method,
      status: ctx.status,
      durationMs: clock.monotonicMs() - startedMs,
      callerLeft: ctx.res.closed,
    });
  };

/** Whether a body is announced, of whatever length but none. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;

/** The sender's id for the request, where it is harmless; otherwise one of our own. */
const requestIdOf = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' && requestIdPattern.test(header) ? header : randomUUID();

/** What a sender's id for a request may look like, for it ends up in logs. */
export const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
