// A configuration as it was read, before anybody checked it: for rules that look at several values at once, and must do so
// also where one of them is wrong.

/** A TOML table that nobody has checked yet. */
export type Raw = Record<string, unknown>;

/** Lists and dates are objects too, but no tables. */
export const isTable = (value: unknown): value is Raw =>
  Object.prototype.toString.call(value) === '[object Object]';

/** The tables of a list; none where it is no list. What is no table stays, for positions to be right. */
export const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const fieldOf = (value: unknown, name: string): unknown => (isTable(value) ? value[name] : undefined);
