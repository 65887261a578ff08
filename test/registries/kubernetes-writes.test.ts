import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Registry, WriteRequest } from '../../src/core/registry.ts';
import { kubernetesRegistry } from '../../src/registries/kubernetes/registry.ts';
import { listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { KUBE_APISERVER, KubeApiserver, STRATEGIC } from '../support/kube-apiserver.ts';
import { Cluster, GATE } from '../support/kube-cluster.ts';
import { describeWith } from '../support/servers.ts';

const OURS = 'prober.sonde.io';
const NEVER = new AbortController().signal;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const SUB = { ...DEAD, health: 'sub-healthy', reason: 'low-success-rate' } as const;
const HEALTHY = { ...DEAD, health: 'healthy', reason: 'recovered' } as const;
const RELEASE = { kind: 'release' } as const;
const OUT = { ready: false, serving: false };

describeWith('kube-apiserver', KUBE_APISERVER, 'Kubernetes, what is written', () => {
  const servers = new AsyncDisposableStack();
  let server: KubeApiserver;
  let cluster: Cluster;
  let scope: AsyncDisposableStack;
  beforeAll(async () => {
    server = await KubeApiserver.start(servers);
    cluster = new Cluster(server);
  }, 180_000);
  afterAll(() => servers.disposeAsync());
  beforeEach(() => {
    scope = new AsyncDisposableStack();
  });
  afterEach(async () => {
    await scope.disposeAsync();
    await cluster.clear();
  });

  const registryOf = (options: object = {}): Registry =>
    make(
      kubernetesRegistry,
      { server: server.url, tokenFile: server.adminTokenFile, tls: { caFile: server.caFile }, ...options },
      scope,
    );
  const write = async (registry: Registry, ...requests: WriteRequest[]) => {
    const receipts = (await registry.write?.(requests, NEVER)) ?? [];
    const kinds = new Map(receipts.map((receipt) => [receipt.instance, receipt]));
    return requests.map(({ instance }) => kinds.get(instance.id));
  };
  const one = async (registry: Registry, what: WriteRequest) => (await write(registry, what))[0];
  const conditionsOf = async (slice: string) =>
    (await cluster.endpoints(slice)).map(({ conditions }) => conditions);

  it('is a condition that people understand, and whose time moves only with its status', async () => {
    await cluster.serve('web', 'web-1', { ip: '10.0.0.1' });
    const registry = registryOf();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    await one(registry, request(instance, DEAD));
    const first = await cluster.condition('web-1');
    expect(first).toMatchObject({ status: 'False', reason: 'Dead' });
    expect(first?.message?.split('\n')[0]).toBe('dead since 2026-01-01T00:00:00.000Z: connect-refused');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await one(registry, request(instance, { ...DEAD, reason: 'connect-timeout' }));
    const second = await cluster.condition('web-1');
    expect(second?.lastTransitionTime).toBe(first?.lastTransitionTime);
    expect(second?.message).toContain('connect-timeout');
    await one(registry, request(instance, SUB));
    const third = await cluster.condition('web-1');
    expect(third).toMatchObject({ status: 'True', reason: 'SubHealthy' });
    expect(third?.lastTransitionTime).not.toBe(first?.lastTransitionTime);
    // The kubelet's stay.
    expect(await cluster.condition('web-1', 'ContainersReady')).toMatchObject({ status: 'True' });
  });

  it('leaves the gate open when sonde lets go, so that the Pod goes on serving', async () => {
    await cluster.serve('web', 'web-1', { ip: '10.0.0.1' });
    const registry = registryOf();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    // Never judged: there is nothing to take back.
    expect(await one(registry, request(instance, RELEASE))).toMatchObject({ kind: 'unchanged' });
    expect(await cluster.condition('web-1')).toBeUndefined();
    await one(registry, request(instance, DEAD));
    expect(await one(registry, request(instance, RELEASE))).toMatchObject({ kind: 'written' });
    expect(await cluster.condition('web-1')).toMatchObject({ status: 'True', reason: 'Released' });
    expect((await listed(registry, 'web', '10.0.0.1:80')).mark).toBeUndefined();
  });

  it('takes sub-healthy ones out of service where it is told to, those that were written before, too', async () => {
    await cluster.serve('web', 'web-1', { ip: '10.0.0.1' });
    await cluster.createSlice('db-1', { service: 'db', endpoints: [{ ip: '192.0.2.1' }], managedBy: OURS });
    const lenient = registryOf();
    const pod = await listed(lenient, 'web', '10.0.0.1:80');
    const endpoint = await listed(lenient, 'db', '192.0.2.1:80');
    await write(lenient, request(pod, SUB), request(endpoint, SUB));
    expect(await cluster.condition('web-1')).toMatchObject({ status: 'True', reason: 'SubHealthy' });
    expect(await conditionsOf('db-1')).toEqual([{}]);
    const strict = registryOf({ subHealthy: 'not-ready' });
    expect(await one(strict, request(pod, SUB))).toMatchObject({ kind: 'written' });
    expect(await cluster.condition('web-1')).toMatchObject({ status: 'False', reason: 'SubHealthy' });
    expect(await one(strict, request(pod, SUB))).toMatchObject({ kind: 'unchanged' });
    expect(await one(strict, request(endpoint, SUB))).toMatchObject({ kind: 'written' });
    expect(await conditionsOf('db-1')).toEqual([OUT]);
  });

  it('is refused, with the reason, where it would have no effect', async () => {
    await cluster.serve('web', 'web-1', { ip: '10.0.0.1', gates: ['lb/ready'] });
    const endpoints = [{ ip: '192.0.2.1' }];
    await cluster.createSlice('db-1', { service: 'db', endpoints });
    const registry = registryOf();
    const pod = await one(registry, request(await listed(registry, 'web', '10.0.0.1:80'), DEAD));
    expect(pod).toMatchObject({ kind: 'refused', detail: `the Pod has no readiness gate ${GATE}` });
    const before = await cluster.bytes();
    const endpoint = await one(registry, request(await listed(registry, 'db', '192.0.2.1:80'), DEAD));
    expect(endpoint).toMatchObject({
      kind: 'refused',
      detail: expect.stringContaining('handed to sonde') as string,
    });
    expect(await cluster.bytes()).toBe(before);
  });

  it('never reaches another Pod of the same name', async () => {
    await cluster.serve('web', 'web-0', { ip: '10.0.0.1' });
    const registry = registryOf();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    await cluster.deletePod('web-0');
    const uid = await cluster.createPod('web-0', { ip: '10.0.0.1' });
    expect(await one(registry, request(instance, DEAD))).toMatchObject({ kind: 'gone' });
    expect(await cluster.condition('web-0')).toBeUndefined();
    await cluster.setEndpoints('web-0', [{ ip: '10.0.0.1', pod: { name: 'web-0', uid } }]);
    expect((await listed(registry, 'web', '10.0.0.1:80')).id).not.toBe(instance.id);
  });

  it('of a Pod in two Services is the health in one of them, or in each by a gate of its own', async () => {
    const pod = { ip: '10.0.0.1', gates: [GATE, 'example.com/web', 'example.com/api'] };
    const uid = await cluster.serve('web', 'web-1', pod);
    await cluster.createSlice('api-1', {
      service: 'api',
      endpoints: [{ ip: '10.0.0.1', pod: { name: 'web-1', uid } }],
    });
    const registry = registryOf();
    const web = await listed(registry, 'web', '10.0.0.1:80');
    const api = await listed(registry, 'api', '10.0.0.1:80');
    expect(await one(registry, request(web, DEAD))).toMatchObject({ kind: 'written' });
    expect(await one(registry, request(api, HEALTHY))).toMatchObject({
      kind: 'refused',
      detail: expect.stringContaining('written for the service web') as string,
    });
    expect((await listed(registry, 'api', '10.0.0.1:80')).mark).toBeUndefined();
    // The Pod has left the one that wrote it.
    await cluster.deleteSlice('web-1');
    await listOnce(registry);
    expect(await one(registry, request(api, HEALTHY))).toMatchObject({ kind: 'written' });
    expect(await cluster.condition('web-1')).toMatchObject({ status: 'True', reason: 'Healthy' });

    await cluster.createSlice('web-1', {
      service: 'web',
      endpoints: [{ ip: '10.0.0.1', pod: { name: 'web-1', uid } }],
    });
    const each = registryOf({ conditionType: 'example.com/{service}' });
    expect(await write(each, request(web, DEAD), request(api, SUB))).toMatchObject([
      { kind: 'written' },
      { kind: 'written' },
    ]);
    expect(await cluster.condition('web-1', 'example.com/web')).toMatchObject({ reason: 'Dead' });
    expect(await cluster.condition('web-1', 'example.com/api')).toMatchObject({ reason: 'SubHealthy' });
  });

  it.each(['a Pod', 'a slice'])('of two writers at the same moment is one’s, of %s', async (of) => {
    const registry = registryOf({ events: false });
    const key = of === 'a Pod' ? '10.0.0.1:80' : '192.0.2.1:80';
    for (let round = 0; round < 15; round++) {
      await cluster.clear();
      if (of === 'a Pod') await cluster.serve('web', 'web-1', { ip: '10.0.0.1' });
      else
        await cluster.createSlice('web-1', {
          service: 'web',
          endpoints: [{ ip: '192.0.2.1' }],
          managedBy: OURS,
        });
      const instance = await listed(registry, 'web', key);
      const receipts = await Promise.all(
        ['one', 'two', 'three'].map((writer) => one(registry, { ...request(instance, DEAD), writer })),
      );
      expect(receipts.map((receipt) => receipt?.kind).sort()).toEqual(['contested', 'contested', 'written']);
    }
  });

  it('is lost to nobody while a kubelet keeps changing the status', async () => {
    await cluster.serve('web', 'web-1', { ip: '10.0.0.1' });
    const registry = registryOf();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    for (let n = 0; n < 20; n++) {
      const change = { conditions: [{ type: 'Initialized', status: 'True', message: String(n) }] };
      const [, receipt] = await Promise.all([
        cluster.server.call('PATCH', `${cluster.podPath('web-1')}/status`, { status: change }, STRATEGIC),
        one(registry, request(instance, n % 2 === 0 ? DEAD : HEALTHY)),
      ]);
      expect(receipt).toMatchObject({ kind: 'written' });
      expect(await cluster.condition('web-1', 'Initialized')).toMatchObject({ message: String(n) });
      expect(await cluster.condition('web-1')).toMatchObject({ reason: n % 2 === 0 ? 'Dead' : 'Healthy' });
    }
  });

  it('sets the conditions of its endpoints in a slice and of no others, and gives back what was there', async () => {
    const endpoints = [
      { ip: '192.0.2.1' },
      { ip: '192.0.2.2', conditions: { ready: true, serving: true } },
      { ip: '192.0.2.3', conditions: { ready: false } },
    ];
    const annotations = { 'example.com/owner': 'dba' };
    await cluster.createSlice('db-1', { service: 'db', endpoints, managedBy: OURS, annotations });
    const before = await cluster.endpoints('db-1');
    const registry = registryOf();
    const [a, b, c] = await Promise.all(
      [1, 2, 3].map((last) => listed(registry, 'db', `192.0.2.${last}:80`)),
    );
    if (a === undefined || b === undefined || c === undefined) throw new Error('not listed');
    expect(c.enabled).toBe(false);
    await write(registry, request(a, DEAD), request(b, DEAD), request(c, HEALTHY));
    // Out of service by its registrar: healthy puts nothing into service.
    expect(await conditionsOf('db-1')).toEqual([OUT, OUT, { ready: false }]);
    expect((await listed(registry, 'db', '192.0.2.1:80')).enabled).toBe(true);
    await write(registry, request(a, HEALTHY), request(b, SUB));
    expect(await conditionsOf('db-1')).toEqual([{}, { ready: true, serving: true }, { ready: false }]);
    await write(registry, request(a, DEAD));
    await write(registry, request(a, RELEASE), request(b, RELEASE), request(c, RELEASE));
    expect(await cluster.endpoints('db-1')).toEqual(before);
    expect((await cluster.sliceMetadata('db-1')).annotations).toEqual(annotations);
  });

  it('is written again where a registrar has applied its list anew, and not where somebody decided otherwise', async () => {
    const list = [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }];
    await cluster.createSlice('db-1', { service: 'db', endpoints: list, managedBy: OURS });
    const registry = registryOf();
    const a = await listed(registry, 'db', '192.0.2.1:80');
    await write(registry, request(a, DEAD));
    await cluster.setEndpoints('db-1', list);
    expect((await listed(registry, 'db', '192.0.2.1:80')).mark).toBeUndefined();
    expect(await one(registry, request(a, DEAD))).toMatchObject({ kind: 'written' });
    expect(await conditionsOf('db-1')).toEqual([OUT, {}]);
    await cluster.setEndpoints('db-1', [
      { ip: '192.0.2.1', conditions: { ready: true } },
      { ip: '192.0.2.2' },
    ]);
    expect(await one(registry, request(a, { ...DEAD, reason: 'slow' }))).toMatchObject({ kind: 'contested' });
    // One that left takes its mark along with the next write.
    await cluster.setEndpoints('db-1', [{ ip: '192.0.2.2' }]);
    const b = await listed(registry, 'db', '192.0.2.2:80');
    expect(await write(registry, request(a, DEAD), request(b, DEAD))).toMatchObject([
      { kind: 'gone' },
      { kind: 'written' },
    ]);
    const { annotations = {} } = await cluster.sliceMetadata('db-1');
    expect(Object.keys(JSON.parse(annotations['sonde.io/marks'] ?? '{}') as object)).toEqual([
      '192.0.2.2:80',
    ]);
  });

  it('fits for a thousand endpoints of one slice, and is one change for each batch', async () => {
    const endpoints = Array.from({ length: 1_000 }, (_, i) => ({ ip: `192.0.${2 + (i >> 8)}.${i & 255}` }));
    await cluster.createSlice('db-1', { service: 'db', endpoints, managedBy: OURS });
    const registry = registryOf({ events: false });
    const entries = [...((await listOnce(registry)).get('db')?.values() ?? [])];
    expect(entries.length).toBe(1_000);
    const generation = async (): Promise<number> => (await cluster.sliceMetadata('db-1')).generation ?? 0;
    const before = await generation();
    const instances = await Promise.all(entries.slice(0, 1).map(({ key }) => listed(registry, 'db', key)));
    const first = instances[0];
    if (first === undefined) throw new Error('not listed');
    const requests = entries.map((entry) =>
      request(
        { ...first, ...entry, id: `${first.id}-${entry.key}` as never },
        { ...DEAD, reason: 'a-reason-of-some-length' },
      ),
    );
    for (let i = 0; i < requests.length; i += 64) {
      const receipts = await registry.write?.(requests.slice(i, i + 64), NEVER);
      expect(new Set(receipts?.map(({ kind }) => kind))).toEqual(new Set(['written']));
    }
    expect((await generation()) - before).toBe(Math.ceil(1_000 / 64));
    expect(new Set((await conditionsOf('db-1')).map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify(OUT)]),
    );
  });
});
