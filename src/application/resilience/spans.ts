// Work as spans: a failure is told by its kind. Without a tracer the work is done all the same.
import { ResultAsync } from 'neverthrow';
import type { Span, SpanFacts, Tracer } from '../../ports/tracer.js';

const nowhere: Span = { note: () => undefined, fail: () => undefined };

/** For whoever is not watched. */
export const untraced: Tracer = {
  request: (_headers, _facts, act) => act(nowhere),
  span: (_name, _facts, act) => act(nowhere),
};

/** What a span says of a failure: its kind, and which of several reasons it had. */
export function failSpan(span: Span, failure: { readonly kind: string; readonly reason?: string }): void {
  span.fail(failure.kind);
  if (failure.reason !== undefined) span.note({ 'rkms.reason': failure.reason });
}

/** The act as one span, which fails with the kind of its failure. */
export function traced<T, F extends { readonly kind: string }>(
  tracer: Tracer,
  name: string,
  facts: SpanFacts,
  act: () => ResultAsync<T, F>,
): ResultAsync<T, F> {
  return new ResultAsync(
    tracer.span(name, facts, async (span) => {
      const result = await act();
      if (result.isErr()) failSpan(span, result.error);
      return result;
    }),
  );
}
