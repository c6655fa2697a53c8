// Cuts the bytes of one HTTP/1.1 connection into messages, for the load generator and the AWS stand-in: node:http would take
// more processor time than what is measured. Both ends are ours: only messages with a content-length, or without a body.
import type { Socket } from 'node:net';

/** Calls `handle` for each message with its head, without the empty line, and its body. */
export function onMessages(socket: Socket, handle: (head: string, body: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true).on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const headEnd = pending.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = pending.toString('latin1', 0, headEnd);
      const end = headEnd + 4 + Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (pending.length < end) return;
      const body = pending.subarray(headEnd + 4, end);
      pending = pending.subarray(end);
      handle(head, body);
    }
  });
}
