// Stands in for the program `rkms` in shell lines of tests: hands its arguments, environment and working directory to the
// test's command host (command-host.ts), and prints what the command printed. Usage: rkms-client.mjs <socket> [arguments].
import { writeSync } from 'node:fs';
import { connect } from 'node:net';

const [socket = '', ...args] = process.argv.slice(2);
const connection = connect(socket);
connection.write(`${JSON.stringify({ args, cwd: process.cwd(), env: process.env })}\n`);
let text = '';
for await (const chunk of connection.setEncoding('latin1')) text += chunk;
const { code, stdout, stderr } = JSON.parse(text);
process.exitCode = code ?? 1;
write(1, stdout);
write(2, stderr);

function write(to, latin1) {
  const bytes = Buffer.from(latin1, 'latin1');
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(to, bytes, at);
  } catch (cause) {
    if (cause.code !== 'EPIPE') throw cause;
  }
}
