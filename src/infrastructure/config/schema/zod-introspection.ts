// Reads a zod schema: the rule inside its wrappers, and the metadata of an option. For reports and documentation; only the
// schema itself decides whether a value is valid.
import { z } from 'zod';

/** The rule itself, without what says that it may be left out. */
export function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return unwrapped(schema.unwrap());
  }
  return schema;
}

/** What a schema says of itself on all of its layers; the outermost word counts. */
export function metaOf(schema: unknown): z.GlobalMeta {
  if (!(schema instanceof z.ZodType)) return {};
  const inner =
    schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
      ? metaOf(schema.unwrap())
      : {};
  return { ...inner, ...schema.meta() };
}

/** The variants of a union of tables, each with the value that decides for it. */
export const variantsOf = (
  union: z.ZodDiscriminatedUnion,
): readonly { readonly value: string; readonly shape: Readonly<Record<string, unknown>> }[] =>
  union.options.flatMap((option) => {
    if (!(option instanceof z.ZodObject)) return [];
    const literal: unknown = option.shape[union.def.discriminator];
    return literal instanceof z.ZodLiteral ? [{ value: String(literal.value), shape: option.shape }] : [];
  });
