// A configuration before it is checked. Rules that compare several values read it in this form, so that they can report
// their problems even if one of the values is wrong.

/** A TOML table that was not checked yet. */
export type Raw = Record<string, unknown>;

/** Lists and dates are objects too, but no tables. */
export const isTable = (value: unknown): value is Raw =>
  Object.prototype.toString.call(value) === '[object Object]';

/** The tables of a list; none where it is no list. What is no table stays, for positions to be right. */
export const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const fieldOf = (value: unknown, name: string): unknown => (isTable(value) ? value[name] : undefined);
