// The answers of both listeners: how each is written, and all contents except a key: problems, JSON, text, metrics. Never
// puts text of an error into an answer: problem documents come from the table in problems.ts.
import { STATUS_CODES } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import type { Context } from 'koa';
import type { MetricsPage } from '../../../ports/metrics.js';
import { problemOf, type HttpFailure } from './problems.js';
import type { RequestState } from './request-state.js';
import { strictTransportSecurity } from '../tls/tls.js';
import { hasBody, hasLeft } from './request-facts.js';

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

const commonList = Object.entries(commonHeaders).flat();
const secureList = Object.entries(strictTransportSecurity).flat();

export const jsonType = 'application/json; charset=utf-8';

/**
 * Writes the whole answer. `headers` are those beside the common ones, names and values alternating: Node writes such a list
 * in an eighth of the time that it takes to set one header after another.
 */
export function send(
  ctx: Context,
  status: number,
  headers: readonly string[],
  body: string | Buffer | Readable,
): void {
  const { req, res } = ctx;
  const state = ctx.state as RequestState;
  state.status = status;
  state.callerLeft = hasLeft(ctx);
  if (!ctx.writable) {
    res.end();
    return;
  }
  const all = [...commonList, requestIdHeader, state.requestId, ...headers];
  if (ctx.secure) all.push(...secureList);
  // The next request on the connection could only be read after the rest of the body.
  if (hasBody(req) && !req.readableEnded) all.push('Connection', 'close');
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    all.push('Content-Length', String(Buffer.byteLength(body)));
    res.writeHead(status, all).end(body);
  } else {
    res.writeHead(status, all);
    pipeline(body, res, () => undefined);
  }
}

/**
 * Answers with a problem document. 503 has `retryAfterS` in Retry-After; 429 has the time that the quota gives. `more` are
 * further headers.
 */
export function answerProblem(
  ctx: Context,
  failure: HttpFailure,
  retryAfterS = 1,
  more: readonly string[] = [],
): void {
  const state = ctx.state as RequestState;
  const problem = problemOf(failure, state.requestId);
  state.failure = failure;
  const headers = ['Content-Type', 'application/problem+json', ...more];
  if (problem.status === 401) headers.push('WWW-Authenticate', 'Bearer');
  if (problem.status === 503) headers.push('Retry-After', String(retryAfterS));
  if (failure.kind === 'creation.over-quota') {
    headers.push('Retry-After', String(Math.max(1, Math.ceil(failure.retryAfterMs / 1_000))));
  }
  send(ctx, problem.status, headers, `${JSON.stringify(problem)}\n`);
}

export function answerJson(ctx: Context, body: object): void {
  answerJsonText(ctx, `${JSON.stringify(body)}\n`);
}

export function answerJsonText(ctx: Context, body: string): void {
  send(ctx, 200, ['Content-Type', jsonType], body);
}

export function answerPage(ctx: Context, { contentType, text }: MetricsPage): void {
  send(ctx, 200, ['Content-Type', contentType], text);
}

export function answerText(ctx: Context, status: number, text: string): void {
  send(ctx, status, ['Content-Type', 'text/plain; charset=utf-8'], `${text}\n`);
}

export function answerEvents(ctx: Context, events: Readable): void {
  send(ctx, 200, ['Content-Type', 'text/event-stream; charset=utf-8'], events);
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
