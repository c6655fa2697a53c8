// Runs work as a span that fails with the kind of the work's failure. Never changes what the work does, and does it
// also when no traces are collected.
import { ResultAsync, type Result } from 'neverthrow';
import type { Span, SpanFacts, Tracer } from '../../ports/tracer.js';

const noSpan: Span = { note: () => undefined, fail: () => undefined };

/** Collects nothing. */
export const untraced: Tracer = {
  request: (_headers, _facts, act) => act(noSpan),
  span: (_name, _facts, act) => act(noSpan),
};

/** Marks the span as failed, with the failure's kind and, where there is one, its reason. */
export function failSpan(span: Span, failure: { readonly kind: string; readonly reason?: string }): void {
  span.fail(failure.kind);
  if (failure.reason !== undefined) span.note({ 'rkms.reason': failure.reason });
}

/** Runs `act` as one span, which fails when `act` does. */
export function traced<T, F extends { readonly kind: string }>(
  tracer: Tracer,
  name: string,
  facts: SpanFacts,
  act: () => PromiseLike<Result<T, F>>,
): ResultAsync<T, F> {
  return new ResultAsync(
    tracer.span(name, facts, async (span) => {
      const result = await act();
      if (result.isErr()) failSpan(span, result.error);
      return result;
    }),
  );
}
