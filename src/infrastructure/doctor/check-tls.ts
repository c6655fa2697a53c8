// The files of [tls]: everything that the start would refuse, and when the certificates expire.
import { daysLeftOf } from '../../adapters/http/tls/tls-files.js';
import { readTlsMaterial, type CertificateExpiry } from '../../adapters/http/tls/tls-material.js';
import { tlsSettingsOf } from '../wiring/open-tls.js';
import type { Examination } from './examination.js';
import { Subject, type Finding } from '../checks/finding.js';

const tls = new Subject('TLS');
const soonDays = 30;

export function checkTls({ config, machine }: Examination): readonly Finding[] {
  const settings = tlsSettingsOf(config);
  if (settings === undefined)
    return [tls.skipped('files', `not configured: ${config.server.host} speaks HTTP`)];
  const { value: material, refused } = tls.attempt('files', () => readTlsMaterial(settings));
  if (refused) return [refused];
  return [
    tls.ok('files', `${settings.keyFile} is the key of ${settings.certFile}`),
    ...material.expiries.map((expiry) => expiryFinding(expiry, machine.nowMs())),
  ];
}

function expiryFinding({ file, notAfterMs }: CertificateExpiry, nowMs: number): Finding {
  const daysLeft = daysLeftOf(notAfterMs, nowMs);
  const end = new Date(notAfterMs).toISOString().slice(0, 10);
  const hint = 'renew it and replace the file: no restart is needed';
  if (daysLeft === 0) return tls.broken('expiry', `a certificate in ${file} expired on ${end}`, hint);
  const found = `${file} expires in ${daysLeft} days, on ${end}`;
  return daysLeft <= soonDays ? tls.warning('expiry', found, hint) : tls.ok('expiry', found);
}
