// The health check of the image, which has no shell and no curl: exit code 0 if /livez answers 200. It only calls this machine,
// so it accepts any certificate name, and it sends no secret.
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';

const url = process.env.RKMS_HEALTH_URL ?? 'http://127.0.0.1:8080/livez';
const { protocol, hostname } = new URL(url);
if (!['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) {
  process.stderr.write('RKMS_HEALTH_URL must be an address of this machine\n');
  process.exit(1);
}

const get = protocol === 'https:' ? getSecure : getPlain;
const request = get(url, { rejectUnauthorized: false, timeout: 2_000 }, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1);
});
request.on('timeout', () => process.exit(1));
request.on('error', () => process.exit(1));
