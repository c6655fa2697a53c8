// The callers of `make bench`, in a process of their own: each has one connection and asks for the next key as soon as it was
// answered. Reports how many requests succeeded in the time, and how long they took.
import { connect } from 'node:net';
import { onMessages } from './wire.ts';

/** What to ask for: `{n}` in the path becomes 0 to `ids` - 1, over and over. */
export interface Load {
  readonly url: string;
  readonly token: string;
  readonly path: string;
  readonly ids: number;
  readonly connections: number;
  readonly seconds: number;
  /** Ends earlier after as many requests. */
  readonly most?: number;
}

export interface Answered {
  readonly requests: number;
  readonly succeeded: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function run({ url, token, path, ids, connections, seconds, most = Infinity }: Load): Promise<Answered> {
  const { port, host, hostname } = new URL(url);
  const [before = '', after = ''] = path.split('{n}');
  const rest = ` HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n\r\n`;
  // How many answers took how many times 10 us, up to 10 s: the memory does not depend on the number of requests.
  const took = new Uint32Array(1_000_001);
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;
  let [sent, requests, succeeded] = [0, 0, 0];
  const caller = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let askedMs = 0;
      const socket = connect(Number(port), hostname);
      const ask = (): void => {
        askedMs = performance.now();
        if (sent >= most || askedMs >= endMs) {
          socket.destroy();
          resolve();
          return;
        }
        socket.write(`GET ${before}${path.includes('{n}') ? sent % ids : ''}${after}${rest}`);
        sent += 1;
      };
      socket
        .once('connect', ask)
        .once('error', reject)
        .once('end', () => {
          reject(new Error('a connection was closed'));
        });
      onMessages(socket, (head) => {
        const at = Math.min(1_000_000, Math.round((performance.now() - askedMs) * 100));
        took[at] = (took[at] ?? 0) + 1;
        requests += 1;
        if (head.startsWith('HTTP/1.1 200')) succeeded += 1;
        ask();
      });
    });
  const at = (share: number): number => {
    let left = share * requests;
    return took.findIndex((count) => (left -= count) <= 0) / 100;
  };
  return Promise.all(Array.from({ length: connections }, caller)).then(() => ({
    requests,
    succeeded,
    seconds: (performance.now() - startedMs) / 1_000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }));
}

process.on('message', (load: Load) => {
  void run(load).then((answered) => process.send?.(answered));
});
process.once('disconnect', () => process.exit());
