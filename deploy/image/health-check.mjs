// Whether RKMS in this container lives: the health check of the image, which has no shell and no curl. Asks the listener on
// this machine, so that a certificate for another name is no fault; sends nothing that is secret.
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';

const url = process.env.RKMS_HEALTH_URL ?? 'http://127.0.0.1:8080/livez';
const { protocol, hostname } = new URL(url);
if (!['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) {
  process.stderr.write('RKMS_HEALTH_URL must be of this machine\n');
  process.exit(1);
}

const get = protocol === 'https:' ? getSecure : getPlain;
const request = get(url, { rejectUnauthorized: false, timeout: 2_000 }, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1);
});
request.on('timeout', () => process.exit(1));
request.on('error', () => process.exit(1));
