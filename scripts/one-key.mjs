// The key of one id, by a service of the embedded default that runs only for it: what `make key` does. Serves nobody else.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [id = 'orders/7'] = process.argv.slice(2);
const program = new URL('../dist/src/infrastructure/main.js', import.meta.url).pathname;
const service = spawn(process.execPath, [program, 'serve'], {
  env: { ...process.env, RKMS_SERVER_PORT: '0', RKMS_OPERATIONS_PORT: '0', RKMS_LOG_LEVEL: 'error' },
  stdio: ['ignore', 'pipe', 'inherit'],
});

let url;
for await (const line of createInterface({ input: service.stdout })) {
  url ??= /^RKMS serves (http:\S+)/.exec(line)?.[1];
  const [, token] = /^Its first token is in (.+)\. Get a key:$/.exec(line) ?? [];
  if (url === undefined || token === undefined) continue;
  const headers = { Authorization: `Bearer ${readFileSync(token, 'utf8').trim()}` };
  const answer = await fetch(`${url}/key?id=${encodeURIComponent(id)}`, { headers });
  process.stdout.write(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
  service.kill('SIGTERM');
}
