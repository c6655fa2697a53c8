// Numbers about numbers.

/** The value that the share `share` (0 to 1) of the values does not exceed; NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The medians of the first and of the last quarter. */
export function trend(values: readonly number[]): { readonly first: number; readonly last: number } {
  const quarter = Math.max(1, Math.floor(values.length / 4));
  return { first: median(values.slice(0, quarter)), last: median(values.slice(-quarter)) };
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
