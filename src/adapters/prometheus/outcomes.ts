// Label values for how an operation ended. Failure kinds and reasons are few and never renamed, so dashboards can rely on them.

/** `ok`, or the kind of the failure. */
export const outcomeOf = (failure: { readonly kind: string } | undefined): string => failure?.kind ?? 'ok';

/** The failure's reason, empty if its kind has none. RKMS defines all reasons; none is text from another system. */
export const reasonOf = (failure: { readonly kind: string } | undefined): string =>
  failure !== undefined && 'reason' in failure && typeof failure.reason === 'string' ? failure.reason : '';
