// Traces of requests as nested spans, for a trace collector. Costs next to nothing without one. Spans carry names,
// counts and outcomes, never key material, credentials or the ids of keys.
import { token } from './token.js';

export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A piece of work in progress. */
export interface Span {
  /** 32 hexadecimal digits; absent when no traces are collected. */
  readonly traceId?: string;
  /** Adds facts to the span. */
  note(facts: SpanFacts): void;
  /** Marks the span as failed, with the kind of the failure. */
  fail(kind: string): void;
}

/** The trace headers of a request, not yet checked. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Calls `act` at once and returns its result; the span ends when `act` does. What `act` throws is passed on. */
export interface Tracer {
  /** A request from outside: in the trace that its headers name if they are valid, else in a new one. */
  request<T>(headers: TraceHeaders, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T>;
  /** A part of the current span. The name is one of a fixed set, such as `region.decrypt`. */
  span<T>(name: string, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T>;
}

export const Tracer = token<Tracer>('Tracer');
