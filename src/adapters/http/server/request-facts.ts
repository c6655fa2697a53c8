// What a request and its connection say about themselves. Decides nothing.
import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';

/** True if the connection is closed. The response alone does not know it while it is queued behind another one. */
export const hasLeft = ({ req, res }: Context): boolean => res.closed || req.socket.destroyed;

/** True if the headers announce a body of at least one byte. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
