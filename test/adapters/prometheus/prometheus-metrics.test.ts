// The metrics as a scraper reads them: what each event changes, what is read from the running service, what is never shown.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { PrometheusMetrics } from '../../../src/adapters/prometheus/prometheus-metrics.js';
import type { TelemetryEvent } from '../../../src/ports/telemetry.js';
import { answered, everyEvent, fullMetrics } from '../../support/full-metrics.js';
import { keyId, region } from '../../support/names.js';
import { parsePage, type Sample } from '../../support/scraped-metrics.js';

let metrics: PrometheusMetrics;
beforeEach(() => {
  metrics = new PrometheusMetrics({ version: '1.2.3', nodeVersion: '24.0.0', quorum: 2, maxInFlight: 9 });
});

const samplesOf = async (of: PrometheusMetrics): Promise<readonly Sample[]> =>
  parsePage((await of.read()).text).samples;
const line = ({ name, labels, value }: Sample): string =>
  `${name}{${Object.entries(labels)
    .map(([label, text]) => `${label}=${text}`)
    .join()}} ${value}`;

/** What an event changes; of histograms their sums and counts. */
async function changesBy(event: TelemetryEvent): Promise<readonly string[]> {
  const before = new Set((await samplesOf(metrics)).map(line));
  metrics.record(event);
  const after = (await samplesOf(metrics)).filter(({ name }) => !name.endsWith('_bucket'));
  return after.map(line).filter((each) => !before.has(each));
}

const here = region('us-east-1');
const failure = { kind: 'region.unavailable', reason: 'dns', cause: new Error('canary') } as const;

describe('an event', () => {
  const rows: readonly (readonly [string, TelemetryEvent, readonly string[]])[] = [
    [
      'of an answered request',
      answered,
      [
        'rkms_requests_total{route=/key,method=GET,status=200,outcome=ok} 1',
        'rkms_request_duration_seconds_sum{route=/key,method=GET,status=200} 0.007',
        'rkms_request_duration_seconds_count{route=/key,method=GET,status=200} 1',
        'rkms_failovers_total{reason=failed} 1',
        'rkms_answers_lacking_copies_total{} 1',
      ],
    ],
    [
      'of a request whose caller disconnected: not a failover',
      { ...answered, callerLeft: true },
      [
        'rkms_requests_total{route=/key,method=GET,status=200,outcome=ok} 1',
        'rkms_request_duration_seconds_sum{route=/key,method=GET,status=200} 0.007',
        'rkms_request_duration_seconds_count{route=/key,method=GET,status=200} 1',
        'rkms_requests_abandoned_total{} 1',
      ],
    ],
    [
      'of a refused request with an unknown method',
      {
        event: 'request.answered',
        requestId: 'r',
        route: 'unknown',
        method: 'PROPFIND',
        status: 404,
        durationMs: 0,
        callerLeft: false,
        failure: { kind: 'request.path-unknown' },
      },
      [
        'rkms_requests_total{route=unknown,method=other,status=404,outcome=request.path-unknown} 1',
        'rkms_request_duration_seconds_sum{route=unknown,method=other,status=404} 0',
        'rkms_request_duration_seconds_count{route=unknown,method=other,status=404} 1',
      ],
    ],
    [
      'of a request that joined a single flight',
      { event: 'single-flight.joined' },
      ['rkms_single_flight_joined_total{} 1'],
    ],
    [
      'of a record that the store lost',
      { event: 'record.lost', id: keyId('orders/7') },
      ['rkms_records_lost_total{} 1'],
    ],
    [
      'of a successful KMS call',
      { event: 'vault.call', region: here, operation: 'decrypt', durationMs: 12 },
      [
        'rkms_region_calls_total{region=us-east-1,operation=decrypt,outcome=ok,reason=} 1',
        'rkms_region_call_duration_seconds_sum{region=us-east-1,operation=decrypt} 0.012',
        'rkms_region_call_duration_seconds_count{region=us-east-1,operation=decrypt} 1',
      ],
    ],
    [
      'of a failed hedged call: its duration does not count',
      { event: 'vault.call', region: here, operation: 'decrypt', durationMs: 12, failure, hedge: true },
      [
        'rkms_region_calls_total{region=us-east-1,operation=decrypt,outcome=region.unavailable,reason=dns} 1',
        'rkms_region_hedges_total{region=us-east-1,outcome=region.unavailable} 1',
      ],
    ],
    [
      'of a failed call to the store',
      { event: 'store.answered', operation: 'find', durationMs: 3, failure: { kind: 'store.throttled' } },
      ['rkms_store_calls_total{operation=find,outcome=store.throttled} 1'],
    ],
    [
      'of a call to a store region',
      { event: 'store.call', region: here, operation: 'find', durationMs: 3 },
      [
        'rkms_store_region_calls_total{region=us-east-1,operation=find,outcome=ok,reason=} 1',
        'rkms_store_region_call_duration_seconds_sum{region=us-east-1,operation=find} 0.003',
        'rkms_store_region_call_duration_seconds_count{region=us-east-1,operation=find} 1',
      ],
    ],
    [
      'of an incomplete repair',
      everyEvent.find(({ event }) => event === 'key.repair-failed') ?? answered,
      ['rkms_repairs_total{outcome=incomplete} 1'],
    ],
    ['of a full repair queue', { event: 'repairs.dropped', count: 4 }, ['rkms_repairs_dropped_total{} 4']],
    [
      'of a refused connection',
      { event: 'connection.refused', listener: 'operations', reason: 'address' },
      ['rkms_connections_refused_total{listener=operations,reason=address} 1'],
    ],
    [
      'of a write to the audit log',
      { event: 'audit.flushed', lines: 3, durationMs: 2, failed: false },
      [
        'rkms_audit_lines_total{} 3',
        'rkms_audit_flush_duration_seconds_sum{} 0.002',
        'rkms_audit_flush_duration_seconds_count{} 1',
      ],
    ],
    [
      'of a failed write to the audit log',
      { event: 'audit.flushed', lines: 3, durationMs: 2, failed: true },
      ['rkms_audit_flush_failures_total{} 1'],
    ],
  ];
  it.each(rows)('%s changes exactly its metrics', async (_, event, expected) => {
    expect(await changesBy(event)).toEqual(expected);
  });
});

describe('the page', () => {
  it('reads the service at every scrape, including the first', async () => {
    const ours = (await samplesOf(fullMetrics())).map(line);
    expect(ours).toEqual(
      expect.arrayContaining([
        'rkms_region_state{region=us-east-1,state=open} 1',
        'rkms_region_state{region=us-east-1,state=healthy} 0',
        'rkms_region_state{region=us-east-2,state=healthy} 1',
        'rkms_region_circuit{region=us-east-1,circuit=open} 1',
        'rkms_region_circuit{region=us-east-1,circuit=closed} 0',
        'rkms_region_state_age_seconds{region=us-east-1} 2.5',
        'rkms_region_order{region=us-east-2} 1',
        'rkms_region_order{region=us-east-1} 2',
        'rkms_region_over_quota{region=us-east-2} 1',
        'rkms_store_region_state{region=us-east-1,state=open} 1',
        'rkms_store_region_order{region=us-east-1} 2',
        'rkms_ready{} 0',
        'rkms_audit_working{} 1',
        'rkms_known_keys_missing{} 3',
        'rkms_requests_in_flight{} 6',
        'rkms_requests_in_flight_limit{} 9',
        'rkms_record_cache_records{} 8',
        'rkms_record_cache_reads_total{result=fresh} 3',
        'rkms_record_cache_reads_total{result=stale} 2',
        'rkms_record_cache_reads_total{result=miss} 1',
        'rkms_workers{} 13',
        'rkms_workers_replaced_total{} 14',
        'rkms_key_cache_keys{} 10',
        'rkms_key_cache_reads_total{result=hit} 12',
        'rkms_key_cache_reads_total{result=miss} 11',
        'rkms_repair_queue_keys{} 5',
        'rkms_quorum_regions{} 2',
        'rkms_certificate_expiry_timestamp_seconds{file=cert.pem} 7',
        'rkms_build_info{version=1.2.3,node_version=24.0.0} 1',
      ]),
    );
  });

  it('has the sum of several workers, and of the regions the worst that one of them sees', async () => {
    const together = fullMetrics([await fullMetrics().export()]);
    const samples = (await samplesOf(together)).map(({ name, value }) => `${name} ${value}`);
    expect(samples).toEqual(
      expect.arrayContaining([
        'rkms_requests_in_flight 12',
        'rkms_requests_in_flight_limit 18',
        'rkms_workers 13',
        'rkms_quorum_regions 2',
        'rkms_known_keys_missing 3',
      ]),
    );
  });

  it('contains no key, caller, cause, or anything that a caller sent', async () => {
    const full = fullMetrics();
    full.record({ event: 'vault.call', region: here, operation: 'decrypt', durationMs: 1, failure });
    const { text } = await full.read();
    for (const word of ['orders', 'canary', 'requestId', 'caller=']) {
      expect([word, text.includes(word)]).toEqual([word, false]);
    }
  });

  it('has as many series after a thousand varied requests as after one', async () => {
    const one = (await samplesOf(fullMetrics())).length;
    const full = fullMetrics();
    for (let n = 0; n < 1_000; n += 1) {
      for (const event of everyEvent)
        full.record('id' in event ? { ...event, id: `orders/${n}` as never } : event);
    }
    // Garbage was collected meanwhile, or was not.
    const ours = (await samplesOf(full)).filter(({ name }) => name.startsWith('rkms_'));
    expect(ours.length).toBeLessThanOrEqual(one);
    expect(ours.length).toBe(
      (await samplesOf(fullMetrics())).filter(({ name }) => name.startsWith('rkms_')).length,
    );
  });
});
