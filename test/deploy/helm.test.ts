// Checks the chart without Helm and without a cluster: renders it for several sets of values, validates each object against the
// schemas of Kubernetes and the Prometheus operator, and parses the configuration that the pods get.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import ts from 'typescript';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../src/infrastructure/config/config.js';
import {
  chartScope,
  manifestsIn,
  mergedValues,
  renderChart,
  type Manifest,
  type Values,
} from '../support/helm-chart.js';

const folder = 'deploy/helm/rkms';
const toml = `deployment = "production"
[[regions]]
name = "us-east-1"
vault = "aws-kms"
kms_key = "alias/rkms"
[[regions]]
name = "us-west-2"
vault = "aws-kms"
kms_key = "alias/rkms"
[store]
kind = "dynamodb"
table = "rkms"
region = "us-east-1"
`;

const least: Values = {
  image: { repository: 'registry.example/rkms' },
  config: toml,
  tls: { secretName: 'rkms-tls' },
};

const valueSets: Readonly<Record<string, Values>> = {
  'only the required values': least,
  'a StatefulSet that keeps audit logs': {
    ...least,
    kind: 'StatefulSet',
    storage: { size: '20Gi', className: 'gp3' },
    tokens: { secretName: 'rkms-tokens' },
  },
  'a DaemonSet': {
    ...least,
    kind: 'DaemonSet',
    tolerations: [{ operator: 'Exists' }],
    priorityClassName: 'system-node-critical',
    tls: { secretName: 'rkms-tls', clientCaKey: 'ca.crt' },
  },
  'behind a service mesh': {
    ...least,
    tls: { terminatedElsewhere: true },
    networkPolicy: { enabled: false },
    podAnnotations: { 'sidecar.istio.io/inject': 'true' },
    preStopSeconds: 0,
  },
  'every value': {
    ...least,
    imagePullSecrets: [{ name: 'pull' }],
    autoscaling: { enabled: true },
    tokens: { secretName: 'rkms-tokens' },
    serviceAccount: { roleArn: 'arn:aws:iam::111122223333:role/rkms-creator', automountToken: true },
    networkPolicy: { metricsNamespace: 'monitoring' },
    serviceMonitor: {
      enabled: true,
      tokenSecret: { name: 'rkms-metrics-token' },
      caSecret: { name: 'rkms-ca' },
      labels: { release: 'prometheus' },
    },
    env: [{ name: 'RKMS_LOG_LEVEL', value: 'debug' }],
    podLabels: { team: 'platform' },
    nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    affinity: { podAntiAffinity: {} },
  },
  'a reader with an existing service account': {
    ...least,
    serviceAccount: { create: false, name: 'reader' },
    podDisruptionBudget: { enabled: false },
    env: [{ name: 'RKMS_REPAIR_BACKGROUND', value: 'off' }],
  },
};
const names = Object.keys(valueSets);

const release = { name: 'rkms', namespace: 'keys' };
const rendered = (values: Values): readonly Manifest[] =>
  manifestsIn(renderChart(folder, chartScope(folder, values, release)));
const setOf = (name: string): Values => valueSets[name] ?? {};
const manifestsOf = (name: string): readonly Manifest[] => rendered(setOf(name));

interface PodSpec {
  readonly containers: readonly {
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
    readonly [name: string]: unknown;
  }[];
  readonly volumes: readonly { readonly name: string }[];
  readonly [name: string]: unknown;
}

function podOf(manifests: readonly Manifest[]): PodSpec {
  const workload = manifests.find(({ apiVersion }) => apiVersion === 'apps/v1');
  return (workload?.['spec'] as { template: { spec: PodSpec } }).template.spec;
}

const one = (manifests: readonly Manifest[], kind: string): Readonly<Record<string, unknown>> | undefined =>
  manifests.find((each) => each.kind === kind)?.['spec'] as Readonly<Record<string, unknown>> | undefined;

/** :: apiVersion kind -> the schema's validator, and where TypeScript finds its fields */
const models: Readonly<Record<string, readonly [new (data: never) => { validate(): void }, string]>> = {
  'apps/v1 Deployment': [Deployment, 'kubernetes-models/apps/v1/Deployment'],
  'apps/v1 StatefulSet': [StatefulSet, 'kubernetes-models/apps/v1/StatefulSet'],
  'apps/v1 DaemonSet': [DaemonSet, 'kubernetes-models/apps/v1/DaemonSet'],
  'v1 Service': [Service, 'kubernetes-models/v1/Service'],
  'v1 ServiceAccount': [ServiceAccount, 'kubernetes-models/v1/ServiceAccount'],
  'v1 ConfigMap': [ConfigMap, 'kubernetes-models/v1/ConfigMap'],
  'autoscaling/v2 HorizontalPodAutoscaler': [
    HorizontalPodAutoscaler,
    'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler',
  ],
  'policy/v1 PodDisruptionBudget': [PodDisruptionBudget, 'kubernetes-models/policy/v1/PodDisruptionBudget'],
  'networking.k8s.io/v1 NetworkPolicy': [
    NetworkPolicy,
    'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  ],
  'monitoring.coreos.com/v1 ServiceMonitor': [
    ServiceMonitor,
    '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor',
  ],
};
const modelOf = ({ apiVersion, kind }: Manifest): (typeof models)[string] => {
  const model = models[`${apiVersion} ${kind}`];
  if (model === undefined) throw new Error(`no schema for ${apiVersion} ${kind}`);
  return model;
};

/** Unknown fields at any depth, found by the compiler: an object literal may only have the fields of its type. */
function unknownFields(manifests: readonly Manifest[]): readonly string[] {
  const file = `${process.cwd()}/rendered-manifests.ts`;
  const source = manifests
    .map((manifest, index) => {
      const [, path] = modelOf(manifest);
      const text = JSON.stringify(manifest, undefined, 1);
      return `import type { I${manifest.kind} as T${index} } from '${path}';\nexport const m${index}: T${index} = ${text};`;
    })
    .join('\n');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const fileExists = host.fileExists.bind(host);
  const readFile = host.readFile.bind(host);
  const getSourceFile = host.getSourceFile.bind(host);
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? source : readFile(name));
  host.getSourceFile = (name, version, ...rest) =>
    name === file
      ? ts.createSourceFile(name, source, version, true)
      : getSourceFile.call(host, name, version, ...rest);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

describe('rendered for each set of values', () => {
  it.each(names)('every object matches its schema: %s', (name) => {
    for (const manifest of manifestsOf(name)) {
      const [Model] = modelOf(manifest);
      expect(() => {
        new Model(manifest as never).validate();
      }).not.toThrow();
    }
  });

  it('no object has an unknown field, and the check finds one', () => {
    const all = names.flatMap(manifestsOf);
    const [first] = all.filter(({ kind }) => kind === 'Deployment');
    const wrong = JSON.parse(JSON.stringify(first).replace('"periodSeconds"', '"periodSecond"')) as Manifest;
    expect(unknownFields([...all, wrong])).toEqual([expect.stringContaining('periodSecond')]);
  }, 120_000);

  it.each(names)('RKMS accepts the configuration that its pods get: %s', (name) => {
    const manifests = manifestsOf(name);
    const { env } = podOf(manifests).containers[0] ?? { env: [] };
    const data = manifests.find(({ kind }) => kind === 'ConfigMap')?.['data'] as Record<string, string>;
    const environment = Object.fromEntries(env.map((each) => [each.name, each.value]));
    const config = parseConfig(data['rkms.toml'] ?? '', environment)._unsafeUnwrap();
    const tls = setOf(name)['tls'] as { terminatedElsewhere?: boolean };
    expect(config).toMatchObject({
      data_dir: '/var/lib/rkms/data',
      server: { host: '0.0.0.0', port: 8443, tls: tls.terminatedElsewhere ? 'terminated-elsewhere' : 'on' },
      operations: { host: '0.0.0.0', port: 8444 },
    });
  });

  it.each(names)('every file named in the environment is on a mounted volume: %s', (name) => {
    const { containers, volumes } = podOf(manifestsOf(name));
    const [{ env, volumeMounts } = { env: [], volumeMounts: [] }] = containers;
    const paths = env.map(({ value }) => value).filter((value) => value.startsWith('/'));
    const mounts = volumeMounts.map(({ mountPath }) => mountPath);
    expect(paths.filter((path) => !mounts.some((mount) => path.startsWith(`${mount}/`)))).toEqual([]);
    expect(volumeMounts.every((mount) => !('subPath' in mount))).toBe(true);
    const claimed = setOf(name)['kind'] === 'StatefulSet' ? ['data'] : [];
    const mounted = volumeMounts.map((mount) => mount.name).sort();
    expect([...volumes.map((volume) => volume.name), ...claimed].sort()).toEqual(mounted);
  });

  it.each(names)('pods have no rights that they do not need: %s', (name) => {
    const pod = podOf(manifestsOf(name));
    expect(pod).toMatchObject({
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    });
    expect(pod).not.toHaveProperty('hostNetwork');
  });

  it.each(names)('all selectors are the same, and the pods have these labels: %s', (name) => {
    const manifests = manifestsOf(name);
    const workload = manifests.find(({ apiVersion }) => apiVersion === 'apps/v1');
    const labels = (workload?.['spec'] as { template: { metadata: { labels: object } } }).template.metadata
      .labels;
    const selectors = JSON.stringify(
      manifests.map((each) => {
        const spec = each['spec'] as Record<string, { matchLabels?: object }> | undefined;
        return each.kind === 'Service' ? spec?.['selector'] : spec?.['selector']?.matchLabels;
      }),
    );
    const selector = { 'app.kubernetes.io/name': 'rkms', 'app.kubernetes.io/instance': 'rkms' };
    const found = (JSON.parse(selectors) as (object | null)[]).filter((each) => each !== null);
    expect(found.length).toBeGreaterThan(1);
    for (const each of found) expect(each).toEqual(selector);
    expect(labels).toMatchObject(selector);
  });
});

describe('the chart', () => {
  it('probes the paths of RKMS with the right scheme', () => {
    const [container] = podOf(manifestsOf('only the required values')).containers;
    expect(container).toMatchObject({
      livenessProbe: { httpGet: { path: '/livez', port: 'keys', scheme: 'HTTPS' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'keys', scheme: 'HTTPS' } },
      startupProbe: { httpGet: { path: '/livez' } },
    });
    expect(podOf(manifestsOf('behind a service mesh')).containers[0]).toMatchObject({
      livenessProbe: { httpGet: { scheme: 'HTTP' } },
    });
  });

  it('gives requests in flight 25 seconds after the pod has left the service', () => {
    const pod = podOf(manifestsOf('only the required values'));
    expect(pod).toMatchObject({
      terminationGracePeriodSeconds: 40,
      containers: [{ lifecycle: { preStop: { sleep: { seconds: 5 } } } }],
    });
    expect(podOf(manifestsOf('behind a service mesh')).containers[0]).not.toHaveProperty('lifecycle');
  });

  it('spreads pods over zones and nodes, has a disruption budget, and scales if enabled', () => {
    const some = manifestsOf('every value');
    expect(podOf(some)['topologySpreadConstraints']).toMatchObject([
      { topologyKey: 'topology.kubernetes.io/zone' },
      { topologyKey: 'kubernetes.io/hostname' },
    ]);
    expect(one(some, 'PodDisruptionBudget')).toMatchObject({ maxUnavailable: 1 });
    expect(one(some, 'HorizontalPodAutoscaler')).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: 'rkms' },
      minReplicas: 3,
    });
    expect(one(some, 'Deployment')).not.toHaveProperty('replicas');
    const perNode = manifestsOf('a DaemonSet');
    expect(perNode.map(({ kind }) => kind)).not.toContain('PodDisruptionBudget');
    expect(one(perNode, 'Service')).toMatchObject({ internalTrafficPolicy: 'Local' });
  });

  it('admits only labelled callers, and egress only to DNS, HTTPS and credentials', () => {
    const { ingress, egress, policyTypes } = one(manifestsOf('every value'), 'NetworkPolicy') ?? {};
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(ingress).toEqual([
      {
        from: [{ namespaceSelector: {}, podSelector: { matchLabels: { 'rkms-client': 'true' } } }],
        ports: [{ port: 'keys' }],
      },
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ port: 'operations' }],
      },
    ]);
    const ports = (egress as { ports: { port: number }[] }[]).flatMap((rule) => rule.ports);
    expect(ports.map(({ port }) => port)).toEqual([53, 53, 443, 80]);
  });

  it('lets Prometheus read metrics with a token over verified TLS', () => {
    expect(one(manifestsOf('every value'), 'ServiceMonitor')).toMatchObject({
      jobLabel: 'app.kubernetes.io/name',
      endpoints: [
        {
          port: 'operations',
          path: '/metrics',
          scheme: 'https',
          authorization: { credentials: { name: 'rkms-metrics-token', key: 'token' } },
          tlsConfig: { serverName: 'rkms.keys.svc', ca: { secret: { name: 'rkms-ca', key: 'ca.crt' } } },
        },
      ],
    });
  });

  it('sets the role of IRSA on the service account', () => {
    const account = manifestsOf('every value').find(({ kind }) => kind === 'ServiceAccount');
    expect(account?.['metadata']).toMatchObject({
      annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/rkms-creator' },
    });
    const borrowed = manifestsOf('a reader with an existing service account');
    expect(borrowed.map(({ kind }) => kind)).not.toContain('ServiceAccount');
    expect(podOf(borrowed)['serviceAccountName']).toBe('reader');
  });

  it('keeps a pod’s audit log only as a StatefulSet, and warns otherwise', () => {
    const notes = (name: string): string =>
      renderChart(folder, chartScope(folder, setOf(name), release)).get('NOTES.txt') ?? '';
    expect(one(manifestsOf('a StatefulSet that keeps audit logs'), 'StatefulSet')).toMatchObject({
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { storageClassName: 'gp3' } }],
    });
    expect(notes('a StatefulSet that keeps audit logs')).not.toContain(
      'audit log is on a volume that is lost',
    );
    expect(notes('only the required values')).toContain('audit log is on a volume that is lost');
    expect(notes('behind a service mesh')).toContain('keys leave the pod unencrypted');
  });

  it.each([
    ['image.repository', { ...least, image: {} }],
    ['set config to the text', { ...least, config: '' }],
    ['tls.secretName', { ...least, tls: {} }],
  ])('says what is missing: %s', (message, values) => {
    expect(() => rendered(values)).toThrow(message);
  });

  it('restarts pods when the configuration changes', () => {
    const before = JSON.stringify(one(rendered(least), 'Deployment'));
    const after = JSON.stringify(one(rendered({ ...least, config: `${toml}\n` }), 'Deployment'));
    expect(before === after).toBe(false);
  });
});

describe('the schema of the values', () => {
  const schema = z.fromJSONSchema(JSON.parse(readFileSync(`${folder}/values.schema.json`, 'utf8')) as never);
  const defaults = parse(readFileSync(`${folder}/values.yaml`, 'utf8')) as Values;

  it.each(names)('accepts %s', (name) => {
    expect(schema.safeParse(mergedValues(defaults, setOf(name))).error).toBeUndefined();
  });

  it.each<readonly [string, Values]>([
    ['a kind that there is not', { kind: 'Job' }],
    ['an option that there is not', { replica: 3 }],
    ['an option of an option that there is not', { tls: { secret: 'x' } }],
    ['no replica', { replicas: 0 }],
    ['a port that only root may open', { ports: { keys: 443 } }],
    ['no label for callers', { networkPolicy: { callers: [] } }],
    ['an account for a role', { serviceAccount: { roleArn: '111122223333' } }],
  ])('refuses %s', (_, values) => {
    expect(schema.safeParse(mergedValues(defaults, values)).success).toBe(false);
  });

  it('names every option of values.yaml', () => {
    const paths = (values: Values, at: string): readonly string[] =>
      Object.entries(values).flatMap(([name, value]) =>
        typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
          ? paths(value as Values, `${at}${name}.`)
          : [`${at}${name}`],
      );
    // What resources a pod has is Kubernetes' own affair.
    for (const path of paths(defaults, '').filter((each) => !each.startsWith('resources.'))) {
      const wrong = path
        .split('.')
        .reduceRight<unknown>((value, name) => ({ [name]: value }), Symbol('wrong'));
      expect([path, schema.safeParse(mergedValues(defaults, wrong as Values)).success]).toEqual([
        path,
        false,
      ]);
    }
  });
});

it('the chart has the fields that Helm requires', () => {
  expect(parse(readFileSync(`${folder}/Chart.yaml`, 'utf8'))).toMatchObject({
    apiVersion: 'v2',
    name: 'rkms',
    version: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
  });
  expect(existsSync(`${folder}/templates/NOTES.txt`)).toBe(true);
});
