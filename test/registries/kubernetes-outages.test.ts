import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { RegistryError } from '../../src/core/registry.ts';
import { kubernetesRegistry } from '../../src/registries/kubernetes/registry.ts';
import { Follower, listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { KUBE_APISERVER, KubeApiserver } from '../support/kube-apiserver.ts';
import { Cluster } from '../support/kube-cluster.ts';
import { describeWith } from '../support/servers.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { tempDir } from '../support/temp-dir.ts';

const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const PATIENCE = { timeout: 15_000, interval: 50 };
const WEB = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

describeWith('kube-apiserver', KUBE_APISERVER, 'Kubernetes in trouble', () => {
  const servers = new AsyncDisposableStack();
  let server: KubeApiserver;
  let cluster: Cluster;
  let scope: AsyncDisposableStack;
  beforeAll(async () => {
    server = await KubeApiserver.start(servers);
    cluster = new Cluster(server);
  }, 180_000);
  afterAll(() => servers.disposeAsync());
  beforeEach(async () => {
    scope = new AsyncDisposableStack();
    for (const [index, ip] of WEB.entries()) await cluster.serve('web', `web-${index}`, { ip });
    await cluster.createSlice('db-1', { service: 'db', endpoints: [{ ip: '192.0.2.1' }] });
  });
  afterEach(async () => {
    await scope.disposeAsync();
    await cluster.clear();
  });

  const registryOf = (options: object = {}) =>
    make(
      kubernetesRegistry,
      {
        server: server.url,
        tokenFile: server.adminTokenFile,
        tls: { caFile: server.caFile },
        timeout: '2s',
        ...options,
      },
      scope,
    );
  const follow = async (options: object = {}): Promise<Follower> => {
    const follower = new Follower(registryOf(options));
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('web')?.size === 3 && services.get('db')?.size === 1);
    return follower;
  };
  const proxied = async () => {
    const proxy = await TcpProxy.start(scope, server.port);
    return { proxy, options: { server: `https://127.0.0.1:${proxy.port}` } };
  };

  /** What sonde asks for from now on. */
  function asking(): { readonly lists: string[]; readonly watches: string[] } {
    const asked = { lists: [] as string[], watches: [] as string[] };
    const onRequest = (message: unknown): void => {
      const { path } = (message as { request: { path: string } }).request;
      if (path.includes('limit=500')) asked.lists.push(path);
      if (path.includes('watch=1')) asked.watches.push(path);
    };
    subscribe('undici:request:create', onRequest);
    scope.defer(() => {
      unsubscribe('undici:request:create', onRequest);
    });
    return asked;
  }

  it('tells what happened while its connections were cut, without reading all again', async () => {
    const { proxy, options } = await proxied();
    const asked = asking();
    const follower = await follow(options);
    expect(asked.lists.length).toBe(2);
    await expect.poll(() => asked.watches.length, PATIENCE).toBe(2);
    proxy.cut();
    await cluster.serve('web', 'web-3', { ip: '10.0.0.4' });
    await follower.until((services) => services.get('web')?.size === 4);
    expect(follower.error).toBeUndefined();
    expect(asked.lists.length).toBe(2);
  });

  it('is after a storm of changes and cut connections what a fresh listing tells', async () => {
    const { proxy, options } = await proxied();
    const asked = asking();
    const follower = await follow(options);
    const storm = async (lane: number): Promise<void> => {
      const service = `storm-${lane % 2}`;
      for (let step = 0; step < 25; step++) {
        const [name, ip] = [`storm-${lane}-${step % 4}`, `10.1.${lane}.${step % 4}`];
        const exists = (await cluster.pod(name)) !== undefined;
        const what = (lane * 7 + step * 5) % 11;
        if (!exists) await cluster.serve(service, name, { ip, labels: { step: String(step) } });
        else if (what < 3) {
          await cluster.deletePod(name);
          await cluster.deleteSlice(name);
        } else if (what < 6) await cluster.setReady(name, step % 2 === 0);
        else await cluster.setEndpoints(name, what < 9 ? [] : [{ ip: `10.2.${lane}.${step}` }]);
        if (what === 5) proxy.cut();
      }
    };
    await Promise.all([0, 1, 2, 3].map(storm));
    // It went on where it was each time, and read nothing twice.
    expect(asked.watches.length).toBeGreaterThan(2);
    expect(asked.lists.length).toBe(2);
    const fresh = await listOnce(registryOf());
    expect(fresh.size).toBe(4);
    await expect.poll(() => follower.error ?? follower.services, PATIENCE).toEqual(fresh);
  }, 60_000);

  it('is listed anew when the history that its watch needs is gone', async () => {
    const { proxy, options } = await proxied();
    const asked = asking();
    const follower = await follow({ ...options, timeout: '60s' });
    await expect.poll(() => asked.watches.length, PATIENCE).toBe(2);
    // The next watches wait until the apiserver was started anew and etcd has forgotten.
    proxy.hold();
    proxy.cut();
    await cluster.serve('web', 'web-3', { ip: '10.0.0.4' });
    await cluster.deleteSlice('db-1');
    await cluster.deletePod('web-0');
    await cluster.deleteSlice('web-0');
    await server.kill();
    const revision = String(await server.etcd.revision());
    await server.etcd.call('/v3/kv/compaction', { revision, physical: true });
    await server.start();
    proxy.release();
    await follower.until((services) => services.get('web')?.has('10.0.0.4:80') === true);
    expect([...(follower.services.get('web')?.keys() ?? [])]).toEqual([
      '10.0.0.2:80',
      '10.0.0.3:80',
      '10.0.0.4:80',
    ]);
    expect(follower.services.has('db')).toBe(false);
    expect(follower.error).toBeUndefined();
    expect(asked.lists.length).toBeGreaterThanOrEqual(4);
  }, 90_000);

  it('is found out when a connection is silent that should not be', async () => {
    const { proxy, options } = await proxied();
    const asked = asking();
    const follower = await follow(options);
    await expect.poll(() => asked.watches.length, PATIENCE).toBe(2);
    proxy.freeze();
    await cluster.serve('web', 'web-3', { ip: '10.0.0.4' });
    const noticed = (): boolean =>
      follower.services.get('web')?.size === 4 || follower.error instanceof RegistryError;
    await expect.poll(noticed, PATIENCE).toBe(true);
    // A call may have waited on a frozen connection, too: then whoever follows begins anew.
    expect((await listOnce(registryOf(options))).get('web')?.size).toBe(4);
    expect(asked.lists.length).toBeGreaterThan(2);
  }, 40_000);

  it('is unreachable while the apiserver hangs, and as it was afterwards', async () => {
    const registry = registryOf();
    const follower = await follow();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    const asked = asking();
    server.freeze();
    try {
      const started = performance.now();
      await expect(
        registry.write?.([request(instance, DEAD)], new AbortController().signal),
      ).rejects.toMatchObject({
        name: 'RegistryError',
        code: 'unreachable',
      });
      expect(performance.now() - started).toBeLessThan(6_000);
      await expect.poll(() => follower.error, PATIENCE).toMatchObject({ code: 'unreachable' });
      expect(follower.services.get('web')?.size).toBe(3);
    } finally {
      server.thaw();
    }
    await expect.poll(() => listOnce(registry).then((all) => all.get('web')?.size, String), PATIENCE).toBe(3);
    expect(asked.lists.length).toBeGreaterThan(0);
  }, 60_000);

  it.each(['kube-apiserver', 'etcd'] as const)(
    'lists all or fails at every moment while %s is killed and started again',
    async (which) => {
      const registry = registryOf({ timeout: '1s' });
      const other = which === 'etcd' ? server.etcd : server;
      const seen = { whole: 0, failed: 0 };
      const over = new AbortController();
      const looking = (async () => {
        while (!over.signal.aborted) {
          try {
            const services = await listOnce(registry);
            expect([services.get('web')?.size, services.get('db')?.size]).toEqual([3, 1]);
            seen.whole++;
          } catch (error) {
            expect(error).toBeInstanceOf(RegistryError);
            seen.failed++;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await other.kill();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await other.start();
      await expect
        .poll(() => listOnce(registry).then((all) => all.size, String), { ...PATIENCE, timeout: 40_000 })
        .toBe(2);
      over.abort();
      await looking;
      expect(seen.whole).toBeGreaterThan(1);
      expect(seen.failed).toBeGreaterThan(1);
    },
    90_000,
  );

  it('writes what was asked for once it is back, and nothing that was not', async () => {
    const registry = registryOf();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    const before = await cluster.bytes();
    await server.kill();
    await expect(
      registry.write?.([request(instance, DEAD)], new AbortController().signal),
    ).rejects.toMatchObject({
      code: 'unreachable',
    });
    await server.start();
    expect(await cluster.bytes()).toBe(before);
    const receipts = await registry.write?.([request(instance, DEAD)], new AbortController().signal);
    expect(receipts).toMatchObject([{ kind: 'written' }]);
    expect(await cluster.condition('web-0')).toMatchObject({ reason: 'Dead' });
    expect(await cluster.condition('web-1')).toBeUndefined();
  }, 60_000);

  it('is reached by the client certificate of a kubeconfig, and not with another CA', async () => {
    const dir = tempDir(scope);
    const config = (caFile: string) => ({
      'current-context': 'test',
      clusters: [{ name: 'c', cluster: { server: server.url, 'certificate-authority': caFile } }],
      contexts: [{ name: 'test', context: { cluster: 'c', user: 'u' } }],
      users: [
        {
          name: 'u',
          user: {
            'client-certificate': join(server.dir, 'client.crt'),
            'client-key-data': readFileSync(join(server.dir, 'client.key')).toString('base64'),
          },
        },
      ],
    });
    writeFileSync(join(dir, 'good'), JSON.stringify(config(server.caFile)));
    writeFileSync(join(dir, 'bad'), JSON.stringify(config(join(server.dir, 'client.crt'))));
    const by = (kubeconfig: string) =>
      make(kubernetesRegistry, { kubeconfig, timeout: '2s' }, scope, { baseDir: dir });
    expect((await listOnce(by('good'))).get('web')?.size).toBe(3);
    await expect(listOnce(by('bad'))).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('is shown the token that was rotated, and is unauthorised with one that is not known', async () => {
    const tokenFile = join(tempDir(scope), 'token');
    writeFileSync(tokenFile, 'nobody');
    const registry = registryOf({ tokenFile });
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unauthorised' });
    writeFileSync(tokenFile, readFileSync(server.adminTokenFile, 'utf8'));
    expect((await listOnce(registry)).size).toBe(2);
  });

  it('is found by the environment of a Pod', async () => {
    process.env.KUBERNETES_SERVICE_HOST = '127.0.0.1';
    process.env.KUBERNETES_SERVICE_PORT = String(server.port);
    scope.defer(() => {
      delete process.env.KUBERNETES_SERVICE_HOST;
      delete process.env.KUBERNETES_SERVICE_PORT;
    });
    const options = { tokenFile: server.adminTokenFile, tls: { caFile: server.caFile } };
    expect((await listOnce(make(kubernetesRegistry, options, scope))).size).toBe(2);
  });
});
