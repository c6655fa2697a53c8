// How a thing ended, as a label: one word where all went well, and otherwise the kind of the failure, which is never renamed.

export const outcomeOf = (failure: { readonly kind: string } | undefined): string => failure?.kind ?? 'ok';

/** Why, where the kind has a reason; else empty. A reason is one of a few words of ours, never another's text. */
export const reasonOf = (failure: { readonly kind: string } | undefined): string =>
  failure !== undefined && 'reason' in failure && typeof failure.reason === 'string' ? failure.reason : '';
