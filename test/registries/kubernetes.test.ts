import { afterAll, beforeAll } from 'vitest';
import { kubernetesRegistry } from '../../src/registries/kubernetes/registry.ts';
import { describeRegistry, type Fields, type Harness } from '../contracts/registry.contract.ts';
import { KUBE_APISERVER, KubeApiserver, STRATEGIC } from '../support/kube-apiserver.ts';
import { Cluster, GATE } from '../support/kube-cluster.ts';
import { describeWith } from '../support/servers.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const OURS = 'prober.sonde.io';
const JSON_PATCH = { contentType: 'application/json-patch+json' };

const nameOf = (service: string, key: string): string => `${service}-${key.replace(/[.:]/g, '-')}`;

function ownOptions(server: KubeApiserver): object {
  return {
    server: server.url,
    tokenFile: server.adminTokenFile,
    tls: { caFile: server.caFile },
    namespaces: ['default'],
    timeout: '2s',
  };
}

function harnessOn(
  cluster: Cluster,
  options: object,
  acts: Pick<Harness, 'put' | 'remove' | 'edit'>,
): Harness {
  return {
    options: { ...ownOptions(cluster.server), ...options },
    ...acts,
    outage: () => cluster.server.kill(),
    recover: () => cluster.server.start(),
    bytes: () => cluster.bytes(),
    weight: () => Promise.resolve(undefined),
  };
}

/** Providers are Pods; of a Service, each in a slice of its own, or found by their labels. */
function podHarness(cluster: Cluster, source: 'endpoint-slices' | 'pods'): Harness {
  const labelsOf = (service: string, { metadata = {} }: Fields): Record<string, string> => ({
    ...metadata,
    'app.kubernetes.io/name': service,
  });
  return harnessOn(
    cluster,
    { source },
    {
      async put(service, key, fields = {}) {
        const name = nameOf(service, key);
        const [ip = '', port = ''] = key.split(':');
        const labels = labelsOf(service, fields);
        const ready = fields.enabled !== false;
        if ((await cluster.pod(name)) === undefined) {
          const pod = { ip, port: Number(port), labels, ready };
          if (source === 'pods') await cluster.createPod(name, pod);
          else await cluster.serve(service, name, pod);
          return;
        }
        const patch = [{ op: 'add', path: '/metadata/labels', value: labels }];
        await cluster.server.call('PATCH', cluster.podPath(name), patch, JSON_PATCH);
        await cluster.setReady(name, ready);
      },
      async remove(service, key) {
        const name = nameOf(service, key);
        await cluster.deletePod(name);
        if (source === 'endpoint-slices') await cluster.deleteSlice(name);
      },
      async edit(service, key, { health }) {
        const condition = {
          type: GATE,
          status: health === 'dead' ? 'False' : 'True',
          reason: health === 'dead' ? 'Dead' : 'Healthy',
        };
        const patch = { status: { conditions: [condition] } };
        const path = `${cluster.podPath(nameOf(service, key))}/status`;
        await cluster.server.call('PATCH', path, patch, STRATEGIC);
      },
    },
  );
}

/** Providers are endpoints without a Pod, each in a slice of its own, which the registrar hands to sonde. */
function sliceHarness(cluster: Cluster): Harness {
  return harnessOn(
    cluster,
    { pods: false },
    {
      async put(service, key, { metadata = {}, enabled } = {}) {
        const name = nameOf(service, key);
        const [ip = '', port = ''] = key.split(':');
        if ((await cluster.slice(name)) === undefined) {
          const conditions = enabled === false ? { conditions: { ready: false } } : {};
          const endpoints = [{ ip, ...conditions }];
          const ports = [{ port: Number(port) }];
          await cluster.createSlice(name, { service, endpoints, ports, labels: metadata, managedBy: OURS });
          return;
        }
        const labels = { ...metadata, [SERVICE_NAME]: service, [MANAGED_BY]: OURS };
        const patch = [{ op: 'add', path: '/metadata/labels', value: labels }];
        await cluster.server.call('PATCH', cluster.slicePath(name), patch, JSON_PATCH);
      },
      remove: (service, key) => cluster.deleteSlice(nameOf(service, key)),
      async edit(service, key, { health }) {
        const up = health !== 'dead';
        const patch = [{ op: 'add', path: '/endpoints/0/conditions', value: { ready: up, serving: up } }];
        await cluster.server.call('PATCH', cluster.slicePath(nameOf(service, key)), patch, JSON_PATCH);
      },
    },
  );
}

describeWith('kube-apiserver', KUBE_APISERVER, 'Kubernetes, a real apiserver', () => {
  // One for each contract; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let server: KubeApiserver;
  beforeAll(async () => {
    server = await KubeApiserver.start(servers);
  }, 180_000);
  afterAll(() => servers.disposeAsync());

  const fresh = (scope: AsyncDisposableStack): Cluster => {
    const cluster = new Cluster(server);
    scope.defer(() => cluster.clear());
    return cluster;
  };
  const weights = { reason: 'Kubernetes has no weights', tests: ['weight'] } as const;

  describeRegistry({
    name: 'kubernetes, Pods behind EndpointSlices',
    plugin: kubernetesRegistry,
    start: (scope) => Promise.resolve(podHarness(fresh(scope), 'endpoint-slices')),
    skip: [weights],
  });

  describeRegistry({
    name: 'kubernetes, Pods by label',
    plugin: kubernetesRegistry,
    start: (scope) => Promise.resolve(podHarness(fresh(scope), 'pods')),
    skip: [weights],
  });

  describeRegistry({
    name: 'kubernetes, slices handed to sonde',
    plugin: kubernetesRegistry,
    start: (scope) => Promise.resolve(sliceHarness(fresh(scope))),
    skip: [weights, { reason: 'an endpoint without a Pod has no life of its own', tests: ['new-life'] }],
  });
});
