// One played region in a process of its own: does what the bench tells it, and counts the calls it read.
// It must never outlive the bench.
import { startKmsServer } from '../../test/support/kms-server.js';
import { startTlsFront } from '../../test/support/tls-front.js';
import type { RegionOrder, RegionPlan, TakenCalls } from './played-region.js';

const { name, host, latencyMs, trusted, untrusted } = JSON.parse(process.argv[2] ?? '') as RegionPlan;
const server = await startKmsServer({ region: name, latencyMs });
const front = host === undefined ? undefined : await startTlsFront(host, trusted, server.endpoint);

let taken: TakenCalls = { reads: [], others: 0 };
function tally(): void {
  const calls = server.calls.splice(0);
  const reads = calls.filter(
    ({ operation, context }) => operation === 'Decrypt' && context['rkms:id'] !== '_rkms/canary',
  ).length;
  if (calls.length === 0) return;
  const counted = reads === 0 ? [] : [{ atMs: Date.now(), count: reads }];
  taken = { reads: [...taken.reads, ...counted], others: taken.others + calls.length - reads };
}
// The time of a call is known to within this.
setInterval(tally, 20);

async function obey(order: RegionOrder): Promise<object> {
  switch (order.do) {
    case 'fail':
      if (order.fault === 'dns') front?.show(trusted);
      else if (order.fault === 'tls') front?.show(untrusted);
      else await server.fail(order.fault, order.options);
      return {};
    case 'heal':
      front?.show(trusted);
      await server.heal();
      return {};
    case 'take': {
      tally();
      const answer = { taken, openConnections: server.openConnections() };
      taken = { reads: [], others: 0 };
      return answer;
    }
  }
}

process.on('message', (order) => {
  void obey(order as RegionOrder).then((answer) => process.send?.(answer));
});
process.once('disconnect', () => process.exit());
process.send?.({ endpoint: front?.endpoint ?? server.endpoint, keyArn: server.keyArn });
