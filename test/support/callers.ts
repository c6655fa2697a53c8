// Callers for tests, through the real parsers: what they may do, and to which ids.
import type { Caller, Grant, Permission } from '../../src/domain/access/caller.js';
import { parseIdPattern, type IdPattern } from '../../src/domain/access/id-pattern.js';
import { callerId } from './names.js';

export const idPattern = (text: string): IdPattern => parseIdPattern(text)._unsafeUnwrap();

interface Rights {
  readonly source?: string;
  readonly ids?: readonly string[];
  readonly deny?: readonly string[];
}

/** A grant; unless it says otherwise, for every id. */
export const grant = (
  allow: readonly Permission[],
  { source = 'test', ids = ['**'], deny = [] }: Rights = {},
): Grant => ({ source, permissions: new Set(allow), ids: ids.map(idPattern), deny: deny.map(idPattern) });

/** Somebody who was authenticated by a token with one grant. */
export const callerWith = (allow: readonly Permission[], rights: Rights = {}, name = 'app'): Caller => ({
  id: callerId(name),
  method: 'token',
  grants: [grant(allow, rights)],
});
