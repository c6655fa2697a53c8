// Reads and writes the token file: a JSON document (0600) without secrets. Unknown members are refused: one may be a
// restriction of a newer RKMS, which must not be ignored.
import { z } from 'zod';
import { permissions } from '../../domain/access/caller.js';
import { everyId, parseIdPattern, type IdPattern } from '../../domain/access/id-pattern.js';
import { parseCallerId, type CallerId, type NameInvalid } from '../../domain/ids.js';
import type { Result } from 'neverthrow';
import { OperatorError } from '../system/operator-error.js';
import { readPrivateFile } from '../files/private-files.js';
import type { StoredToken } from './stored-token.js';

const time = z.iso.datetime().transform((text) => Date.parse(text));

const parsedBy = <T>(parse: (text: string) => Result<T, { readonly expected: string }>) =>
  z.string().transform((text, context): T => {
    const parsed = parse(text);
    if (parsed.isOk()) return parsed.value;
    context.addIssue({ code: 'custom', message: `expected ${parsed.error.expected}` });
    return z.NEVER;
  });

const tokenSchema = z.strictObject({
  id: z.string().regex(/^[0-9A-Za-z]{12}$/),
  secretSha256: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  caller: parsedBy<CallerId>((text): Result<CallerId, NameInvalid> => parseCallerId(text)),
  allow: z.array(z.enum(permissions)),
  // An entry without `ids` allows every id.
  ids: z.array(parsedBy<IdPattern>(parseIdPattern)).default([everyId]),
  notBefore: time,
  expires: time.optional(),
  revoked: time.optional(),
});
const fileSchema = z.strictObject({ format: z.literal(1), tokens: z.array(tokenSchema) });

/** All tokens in the file, valid or not. Refuses a file that is missing, readable for other users, or not valid. */
export function readTokens(path: string): readonly StoredToken[] {
  const content = readPrivateFile(path);
  if (content === undefined) {
    throw new OperatorError(
      `there is no token file ${path}; without a token RKMS answers no request`,
      'create a token: rkms token create --caller <name> --allow read,create',
    );
  }
  const parsed = fileSchema.safeParse(jsonOf(path, content));
  if (parsed.success) return parsed.data.tokens.map(tokenOf);
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'its top level' : issue.path.join('.');
  throw notUsable(`the token file ${path} is not valid at ${place}: ${issue?.message ?? '?'}`);
}

const notUsable = (message: string): OperatorError =>
  new OperatorError(message, 'restore it, or move it away and create new tokens with: rkms token create');

/** The file's text for these tokens. */
export const textOf = (tokens: readonly StoredToken[]): string =>
  `${JSON.stringify({ format: 1, tokens: tokens.map(entryOf) }, undefined, 2)}\n`;

/** A byte order mark is accepted. The message has the place of the fault, and nothing of the content. */
function jsonOf(path: string, content: Buffer): unknown {
  const text = content.toString().replace(/^\ufeff/, '');
  try {
    return JSON.parse(text);
  } catch (cause) {
    const [, at] = /position (\d+)/.exec(String(cause)) ?? [];
    const before = text.slice(0, at === undefined ? text.length : Number(at)).split('\n');
    const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
    throw notUsable(`the token file ${path} is not valid JSON (${place})`);
  }
}

const tokenOf = (entry: z.infer<typeof tokenSchema>): StoredToken => ({
  publicId: entry.id,
  secretDigest: Buffer.from(entry.secretSha256, 'base64url'),
  caller: entry.caller,
  permissions: new Set(entry.allow),
  ids: entry.ids,
  notBeforeMs: entry.notBefore,
  expiresMs: entry.expires,
  revokedMs: entry.revoked,
});

const entryOf = (token: StoredToken): z.input<typeof tokenSchema> => ({
  id: token.publicId,
  secretSha256: token.secretDigest.toString('base64url'),
  caller: token.caller,
  allow: [...token.permissions],
  ids: token.ids.map(({ text }) => text),
  notBefore: isoTime(token.notBeforeMs),
  ...(token.expiresMs === undefined ? {} : { expires: isoTime(token.expiresMs) }),
  ...(token.revokedMs === undefined ? {} : { revoked: isoTime(token.revokedMs) }),
});

const isoTime = (ms: number): string => new Date(ms).toISOString();
