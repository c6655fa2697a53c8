// Prints the key of one id, from a service of the embedded default that runs only for this: what `make key` does.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [id = 'orders/7'] = process.argv.slice(2);
const program = new URL('../dist/src/infrastructure/main.js', import.meta.url).pathname;
const service = spawn(process.execPath, [program, 'serve'], {
  env: { ...process.env, RKMS_SERVER_PORT: '0', RKMS_OPERATIONS_PORT: '0', RKMS_LOG_LEVEL: 'error' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.exitCode = 1;
const late = setTimeout(() => {
  process.stderr.write('make key: the service did not start within 60 seconds; try: make run\n');
  service.kill('SIGKILL');
}, 60_000);

let url;
for await (const line of createInterface({ input: service.stdout })) {
  url ??= /^RKMS serves (http:\S+)/.exec(line)?.[1];
  const [, token] = /^Its first token is in (.+)\. Get a key:$/.exec(line) ?? [];
  if (line.startsWith('There is no token')) {
    process.stderr.write(`make key: ${line.replace('Create another: rkms', 'Create another: ./rkms')}\n`);
    service.kill('SIGTERM');
  }
  if (url === undefined || token === undefined) continue;
  const headers = { Authorization: `Bearer ${readFileSync(token, 'utf8').trim()}` };
  const answer = await fetch(`${url}/key?id=${encodeURIComponent(id)}`, { headers });
  process.stdout.write(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
  service.kill('SIGTERM');
}
clearTimeout(late);
