// Where the time of a request goes: spans, one within the other, for whoever collects traces. Costs next to nothing while
// nobody does. Spans carry names, counts and outcomes, never key material, credentials or the ids of keys.
import { token } from './token.js';

export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A piece of work while it is under way. */
export interface Span {
  /** 32 hexadecimal digits; absent where nobody collects. */
  readonly traceId?: string;
  /** What is known of it only now. */
  note(facts: SpanFacts): void;
  /** It did not end well, by the kind of the failure. */
  fail(kind: string): void;
}

/** The trace that a request says it belongs to, as its headers came: not yet looked at. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Calls `act` at once, and answers what it answers; a span ends when its act has. What is thrown is passed on. */
export interface Tracer {
  /** A request from outside, in the trace that it names where that can be believed, in a new one otherwise. */
  request<T>(headers: TraceHeaders, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T>;
  /** A part of what is under way; its name is one of few, as `region.decrypt`. */
  span<T>(name: string, facts: SpanFacts, act: (span: Span) => Promise<T>): Promise<T>;
}

export const Tracer = token<Tracer>('Tracer');
