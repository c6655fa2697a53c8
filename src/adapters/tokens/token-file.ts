// The tokens that are valid, in a JSON file (0600) that holds no secret: public id, SHA-256 of the secret, caller,
// permissions, and from when to when. A change of the file takes effect within a second; a broken one changes nothing.
import { statSync } from 'node:fs';
import { z } from 'zod';
import { permissions, type Caller } from '../../domain/caller.js';
import { parseCallerId } from '../../domain/ids.js';
import type { Clock } from '../../ports/clock.js';
import { StartRefused } from '../../ports/start-refused.js';
import { codeOf, createPrivateFile, readPrivateFile, replacePrivateFile } from '../files/private-files.js';

/** One valid token. Times are milliseconds since 1970; without `expiresMs` it never expires. */
export interface StoredToken {
  readonly publicId: string;
  readonly secretDigest: Buffer;
  readonly caller: Caller;
  readonly notBeforeMs: number;
  readonly expiresMs?: number | undefined;
}

const time = z.iso.datetime().transform((text) => Date.parse(text));

// Strict: a restriction that this build does not know must not be overlooked.
const tokenSchema = z.strictObject({
  id: z.string().regex(/^[0-9A-Za-z]{12}$/),
  secretSha256: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  caller: z.string().refine((text) => parseCallerId(text).isOk()),
  allow: z.array(z.enum(permissions)),
  notBefore: time,
  expires: time.optional(),
});
const fileSchema = z.strictObject({ format: z.literal(1), tokens: z.array(tokenSchema) });

const recheckMs = 1_000;

export class TokenFile {
  private tokens: ReadonlyMap<string, StoredToken>;
  private stamp: string;
  private checkedMs: number;

  /** Refuses to start without a readable file; `onProblem` hears when a later change cannot be read. */
  constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly onProblem: (problem: StartRefused) => void,
  ) {
    this.stamp = stampOf(path);
    this.tokens = byPublicId(readTokens(path));
    this.checkedMs = clock.monotonicMs();
  }

  find(publicId: string): StoredToken | undefined {
    this.refresh();
    return this.tokens.get(publicId);
  }

  private refresh(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.checkedMs < recheckMs) return;
    this.checkedMs = nowMs;
    const stamp = stampOf(this.path);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    try {
      this.tokens = byPublicId(readTokens(this.path));
    } catch (problem) {
      if (!(problem instanceof StartRefused)) throw problem;
      this.onProblem(problem);
    }
  }
}

/** Adds a token to the file, making the file if there is none. */
export function addToken(path: string, token: StoredToken): void {
  const file = (tokens: readonly StoredToken[]): string =>
    `${JSON.stringify({ format: 1, tokens: tokens.map(entryOf) }, undefined, 2)}\n`;
  if (createPrivateFile(path, file([token]))) return;
  replacePrivateFile(path, file([...readTokens(path), token]));
}

function readTokens(path: string): readonly StoredToken[] {
  const content = readPrivateFile(path);
  if (content === undefined) {
    throw new StartRefused(
      `there is no token file ${path}, and nothing is served without a token`,
      'make a token: rkms token create --caller <name> --allow read,create',
    );
  }
  const parsed = fileSchema.safeParse(jsonOf(content));
  if (parsed.success) return parsed.data.tokens.map(tokenOf);
  const [issue] = parsed.error.issues;
  throw new StartRefused(
    `the token file ${path} is not valid at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? '?'}`,
    'restore it, or move it away and make new tokens with: rkms token create',
  );
}

function jsonOf(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    return undefined;
  }
}

function tokenOf(entry: z.infer<typeof tokenSchema>): StoredToken {
  const id = parseCallerId(entry.caller);
  if (id.isErr()) throw new Error('the schema let a bad caller through');
  return {
    publicId: entry.id,
    secretDigest: Buffer.from(entry.secretSha256, 'base64url'),
    caller: { id: id.value, method: 'token', permissions: new Set(entry.allow) },
    notBeforeMs: entry.notBefore,
    expiresMs: entry.expires,
  };
}

const entryOf = ({ publicId, secretDigest, caller, notBeforeMs, expiresMs }: StoredToken) => ({
  id: publicId,
  secretSha256: secretDigest.toString('base64url'),
  caller: caller.id,
  allow: [...caller.permissions],
  notBefore: new Date(notBeforeMs).toISOString(),
  ...(expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() }),
});

const byPublicId = (tokens: readonly StoredToken[]): ReadonlyMap<string, StoredToken> =>
  new Map(tokens.map((token) => [token.publicId, token]));

// The time of change, not of modification: it also tells when the file was closed to others again.
function stampOf(path: string): string {
  try {
    const { ino, ctimeMs, size } = statSync(path);
    return `${ino} ${ctimeMs} ${size}`;
  } catch (cause) {
    return codeOf(cause);
  }
}
