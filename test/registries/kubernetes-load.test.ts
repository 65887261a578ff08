import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, it } from 'vitest';
import { kubernetesRegistry } from '../../src/registries/kubernetes/registry.ts';
import { Follower, make } from '../contracts/registry.contract.ts';
import { b64, type EtcdServer } from '../support/etcd-server.ts';
import { KUBE_APISERVER, KubeApiserver } from '../support/kube-apiserver.ts';
import { Cluster, GATE } from '../support/kube-cluster.ts';
import { describeWith } from '../support/servers.ts';

const PODS = 10_000;
const PER_SLICE = 100;

const ipOf = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
const uidOf = (kind: 1 | 2, index: number): string =>
  `0000000${kind}-0000-4000-8000-${String(index).padStart(12, '0')}`;

/** Past the apiserver, as JSON, which it reads as well as its own form: ten thousand creations would take minutes. */
async function fill(etcd: EtcdServer): Promise<void> {
  const creationTimestamp = '2026-01-01T00:00:00Z';
  const objects: [string, object][] = [];
  for (let index = 0; index < PODS; index++) {
    const name = `web-${index}`;
    const ip = ipOf(index);
    objects.push([
      `/registry/pods/default/${name}`,
      {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: {
          name,
          namespace: 'default',
          uid: uidOf(1, index),
          creationTimestamp,
          labels: { app: 'web' },
        },
        spec: {
          containers: [
            { name: 'app', image: 'app', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] },
          ],
          readinessGates: [{ conditionType: GATE }],
          restartPolicy: 'Always',
          dnsPolicy: 'ClusterFirst',
        },
        status: {
          phase: 'Running',
          podIP: ip,
          podIPs: [{ ip }],
          conditions: [{ type: 'ContainersReady', status: 'True' }],
        },
      },
    ]);
  }
  for (let slice = 0; slice < PODS / PER_SLICE; slice++) {
    const name = `web-${slice}`;
    objects.push([
      `/registry/endpointslices/default/${name}`,
      {
        kind: 'EndpointSlice',
        apiVersion: 'discovery.k8s.io/v1',
        metadata: {
          name,
          namespace: 'default',
          uid: uidOf(2, slice),
          creationTimestamp,
          labels: { 'kubernetes.io/service-name': `web-${slice % 20}` },
        },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
        endpoints: Array.from({ length: PER_SLICE }, (_, i) => endpointOf(slice * PER_SLICE + i)),
      },
    ]);
  }
  for (let i = 0; i < objects.length; i += 50) {
    const success = objects
      .slice(i, i + 50)
      .map(([key, value]) => ({ request_put: { key: b64(key), value: b64(JSON.stringify(value)) } }));
    await etcd.call('/v3/kv/txn', { success });
  }
}

function endpointOf(index: number): object {
  const targetRef = { kind: 'Pod', namespace: 'default', name: `web-${index}`, uid: uidOf(1, index) };
  return { addresses: [ipOf(index)], conditions: { ready: true }, targetRef };
}

describeWith('kube-apiserver', KUBE_APISERVER, 'Kubernetes with ten thousand endpoints', () => {
  it('tells a single change within a second, without reading all again', { timeout: 240_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const server = await KubeApiserver.start(scope);
    const cluster = new Cluster(server);
    await fill(server.etcd);
    const asked: string[] = [];
    const onRequest = (message: unknown): void => {
      const { path } = (message as { request: { path: string } }).request;
      if (path.includes('limit=500')) asked.push(path);
    };
    subscribe('undici:request:create', onRequest);
    scope.defer(() => {
      unsubscribe('undici:request:create', onRequest);
    });
    const options = {
      server: server.url,
      tokenFile: server.adminTokenFile,
      tls: { caFile: server.caFile },
      timeout: '20s',
    };
    const follower = new Follower(make(kubernetesRegistry, options, scope));
    scope.defer(() => follower.stop());
    const sum = (): number => [...follower.services.values()].reduce((all, { size }) => all + size, 0);
    const started = performance.now();
    await expect.poll(() => follower.confirmations, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
    const listing = performance.now() - started;
    expect(sum()).toBe(PODS);
    const lists = asked.length;
    expect(lists).toBe(PODS / 500 + 1);

    /** From before the apiserver is asked to change something until it was told. */
    const measure = async (change: () => Promise<unknown>, holds: () => boolean): Promise<number> => {
      const begun = performance.now();
      await change();
      while (!holds()) {
        if (performance.now() - begun > 20_000) throw new Error('never told');
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return performance.now() - begun;
    };
    const entry = (index: number) =>
      follower.services.get(`web-${Math.floor(index / PER_SLICE) % 20}`)?.get(`${ipOf(index)}:80`);
    const of = { unready: [] as number[], gone: [] as number[] };
    for (let round = 0; round < 20; round++) {
      const index = 37 + round * 461;
      of.unready.push(
        await measure(
          () => cluster.setReady(`web-${index}`, false),
          () => entry(index)?.enabled === false,
        ),
      );
    }
    for (let round = 0; round < 10; round++) {
      const slice = round * 9;
      const rest = Array.from({ length: PER_SLICE - 1 }, (_, i) => endpointOf(slice * PER_SLICE + i));
      const patch = { endpoints: rest };
      of.gone.push(
        await measure(
          () =>
            server.call('PATCH', cluster.slicePath(`web-${slice}`), patch, {
              contentType: 'application/merge-patch+json',
            }),
          () => entry(slice * PER_SLICE + PER_SLICE - 1) === undefined,
        ),
      );
    }
    const median = (values: readonly number[]): number =>
      [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
    process.stdout.write(
      `kubernetes, ${PODS} Pods in ${PODS / PER_SLICE} slices of 20 Services: listed in ${Math.round(listing)} ms by ${lists} calls; ` +
        `a Pod's change was told after ${median(of.unready).toFixed(0)} ms (worst ${Math.max(...of.unready).toFixed(0)}), ` +
        `an endpoint's leave after ${median(of.gone).toFixed(0)} ms (worst ${Math.max(...of.gone).toFixed(0)}), the write itself included; ` +
        `read again: nothing; ${Math.round(process.memoryUsage().rss / 1_048_576)} MiB in all\n`,
    );
    expect(median([...of.unready, ...of.gone])).toBeLessThan(1_000);
    expect(asked.length).toBe(lists);
    expect(sum()).toBe(PODS - 10);
    // Numbers of all kinds agree, or everything would have been listed anew by now.
    const confirmed = follower.confirmations;
    await expect.poll(() => follower.confirmations, { timeout: 20_000 }).toBeGreaterThan(confirmed + 1);
    expect(asked.length).toBe(lists);
    expect(follower.error).toBeUndefined();
  });
});
