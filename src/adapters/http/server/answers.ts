// The answers of both listeners except those with a key: problems, JSON, text, metrics. Each function sets the whole
// answer. Never puts text of an error into an answer: problem documents come from the table in problems.ts.
import { STATUS_CODES } from 'node:http';
import type { Context } from 'koa';
import type { MetricsPage } from '../../../ports/metrics.js';
import { problemOf, type HttpFailure } from './problems.js';
import type { RequestState } from './request-state.js';
import { strictTransportSecurity } from '../tls/tls.js';

/** On every answer: no cache may store it, and no browser may sniff or frame it. */
export const commonHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  Vary: 'Authorization',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** The id of the request, in every answer. The client may choose it. */
export const requestIdHeader = 'X-Request-Id';

/** Answers with a problem document. 503 has `retryAfterS` in Retry-After; 429 has the time that the quota gives. */
export function answerProblem(ctx: Context, failure: HttpFailure, retryAfterS = 1): void {
  const state = ctx.state as RequestState;
  const problem = problemOf(failure, state.requestId);
  state.failure = failure;
  ctx.status = problem.status;
  if (problem.status === 401) ctx.set('WWW-Authenticate', 'Bearer');
  if (problem.status === 503) ctx.set('Retry-After', String(retryAfterS));
  if (failure.kind === 'creation.over-quota') {
    ctx.set('Retry-After', String(Math.max(1, Math.ceil(failure.retryAfterMs / 1_000))));
  }
  ctx.type = 'application/problem+json';
  ctx.body = `${JSON.stringify(problem)}\n`;
}

export function answerJson(ctx: Context, body: object): void {
  answerJsonText(ctx, `${JSON.stringify(body)}\n`);
}

export function answerJsonText(ctx: Context, body: string): void {
  ctx.status = 200;
  ctx.type = 'application/json';
  ctx.body = body;
}

export function answerPage(ctx: Context, { contentType, text }: MetricsPage): void {
  ctx.status = 200;
  ctx.set('Content-Type', contentType);
  ctx.body = text;
}

export function answerText(ctx: Context, status: number, text: string): void {
  ctx.status = status;
  ctx.type = 'text/plain';
  ctx.body = `${text}\n`;
}

/** A complete response as text, for a connection whose request Node could not parse. */
export function rawProblem(failure: HttpFailure, requestId: string, secure: boolean): string {
  const problem = problemOf(failure, requestId);
  const body = `${JSON.stringify(problem)}\n`;
  const headers = {
    ...commonHeaders,
    ...(secure ? strictTransportSecurity : {}),
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
    [requestIdHeader]: requestId,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}
