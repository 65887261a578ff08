import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import type { Clock } from '../../src/core/clock.ts';
import { KubernetesApi } from '../../src/registries/kubernetes/api.ts';
import { kubernetesOptions } from '../../src/registries/kubernetes/options.ts';
import { kubernetesRegistry } from '../../src/registries/kubernetes/registry.ts';
import { Follower, listOnce, make } from '../contracts/registry.contract.ts';
import { FakeApiserver, failure, fakeSlice, json, watchLine } from '../support/fake-apiserver.ts';
import { tempDir } from '../support/temp-dir.ts';

const NEVER = new AbortController().signal;

/** Waits are a twentieth as long as they say; deadlines are not. */
const hasty: Clock = {
  now: () => systemClock.now(),
  wall: () => systemClock.wall(),
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
  deadline: (ms, parent) => systemClock.deadline(ms, parent),
  after: (ms, run) => systemClock.after(ms, run),
};

async function setUp(scope: AsyncDisposableStack, options: object = {}) {
  const fake = await FakeApiserver.start(scope);
  const tokenFile = join(tempDir(scope), 'token');
  writeFileSync(tokenFile, 'first\n');
  const all = { server: fake.url, tokenFile, insecure: true, timeout: '1s', pods: false, ...options };
  const registry = make(kubernetesRegistry, all, scope, { clock: hasty });
  const follow = (): Follower => {
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    return follower;
  };
  return { fake, tokenFile, registry, follow, all };
}

const watching = (fake: FakeApiserver, times = 1): Promise<void> =>
  expect.poll(() => fake.watches().length).toBe(times) as unknown as Promise<void>;

describe('an apiserver that lists', () => {
  it('is asked page by page', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    fake.slices = Array.from({ length: 1_203 }, (_, i) =>
      fakeSlice({ name: `web-${i}`, hosts: [`10.0.${i >> 8}.${i & 255}`] }),
    );
    expect((await listOnce(registry)).get('web')?.size).toBe(1_203);
    expect(fake.lists().map(({ searchParams }) => searchParams.get('continue'))).toEqual([
      null,
      '500',
      '1000',
    ]);
    // The present, never what the cache of one apiserver of several happens to have.
    expect(fake.lists().some(({ searchParams }) => searchParams.has('resourceVersion'))).toBe(false);
  });

  it('is asked again from the start when a page has expired, and fails when that never ends', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    fake.slices = Array.from({ length: 700 }, (_, i) =>
      fakeSlice({ name: `web-${i}`, hosts: [`10.0.${i >> 8}.${i & 255}`] }),
    );
    let expired = 0;
    fake.instead = ({ searchParams }, _, response) =>
      searchParams.has('continue') && expired++ < 1 && failure(response, 410, 'Expired');
    expect((await listOnce(registry)).get('web')?.size).toBe(700);
    expect(fake.lists().map(({ searchParams }) => searchParams.get('continue'))).toEqual([
      null,
      '500',
      null,
      '500',
    ]);
    fake.instead = ({ searchParams }, _, response) =>
      searchParams.has('continue') && failure(response, 410, 'Expired');
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each<[string, string, string]>([
    [
      'half an answer',
      '{"kind":"EndpointSliceList","metadata":{"resourceVersion":"7"},"items":[{"meta',
      'protocol',
    ],
    ['another kind', '{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[]}', 'protocol'],
    ['no version', '{"kind":"EndpointSliceList","metadata":{},"items":[]}', 'protocol'],
    ['no items', '{"kind":"EndpointSliceList","metadata":{"resourceVersion":"7"}}', 'protocol'],
    ['an empty object', '{}', 'protocol'],
    ['a page of somebody else', '<html>log in first</html>', 'protocol'],
    [
      'an item that is no slice',
      '{"kind":"EndpointSliceList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"x"}}]}',
      'protocol',
    ],
  ])('is never believed with %s', async (_, body, code) => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    fake.instead = (_url, _request, response) => {
      response.writeHead(200).end(body);
      return true;
    };
    await expect(listOnce(registry)).rejects.toMatchObject({ name: 'RegistryError', code });
  });

  it.each([
    [401, 'Unauthorized', 'unauthorised'],
    [403, 'Forbidden', 'forbidden'],
    [404, 'NotFound', 'unsupported'],
    [429, 'TooManyRequests', 'overloaded'],
    [500, 'InternalError', 'unreachable'],
    [503, 'ServiceUnavailable', 'unreachable'],
    [302, 'Found', 'protocol'],
  ])('that answers %i fails, whatever else was listed before', async (status, reason, code) => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope, { pods: true });
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    fake.instead = ({ pathname }, _, response) =>
      pathname.endsWith('/pods') && failure(response, status, reason);
    const told: unknown[] = [];
    const listing = async (): Promise<void> => {
      for await (const snapshot of registry.snapshots(NEVER)) told.push(snapshot);
    };
    await expect(listing()).rejects.toMatchObject({
      name: 'RegistryError',
      code,
      message: expect.stringContaining(`${reason} it is`) as string,
    });
    expect(told).toEqual([]);
  });

  it('that breaks off or hangs is unreachable', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    fake.instead = (_url, _request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"kind":"Endpoint');
      response.destroy();
      return true;
    };
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
    fake.instead = (_url, _request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"kind":"Endpoint');
      return true;
    };
    const started = performance.now();
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('that answers more slowly than it may is unreachable, however steadily', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    const text = JSON.stringify({ kind: 'EndpointSliceList', metadata: { resourceVersion: '1' }, items: [] });
    fake.instead = (_url, _request, response) => {
      response.writeHead(200, { 'content-length': String(text.length) });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(text[sent++] ?? '');
        if (sent >= text.length) clearInterval(timer);
      }, 100);
      response.on('close', () => clearInterval(timer));
      return true;
    };
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('that closes a connection that was kept is asked once more', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    let closed = 0;
    fake.instead = (_url, _request, response) => {
      if (closed++ > 0) return false;
      response.destroy();
      return true;
    };
    expect((await listOnce(registry)).get('web')?.size).toBe(1);
    expect(fake.lists().length).toBe(2);
  });

  it('that is busy is asked again when it says', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    let busy = 0;
    fake.instead = (_url, _request, response) =>
      busy++ < 2 && failure(response, 429, 'TooManyRequests', { 'retry-after': '1' });
    expect((await listOnce(registry)).get('web')?.size).toBe(1);
    expect(fake.lists().length).toBe(3);
  });

  it('is shown the token that the file has by now', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry, tokenFile } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    let valid = 'first';
    fake.instead = (_url, request, response) =>
      request.headers.authorization !== `Bearer ${valid}` && failure(response, 401, 'Unauthorized');
    expect((await listOnce(registry)).size).toBe(1);
    valid = 'second';
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unauthorised' });
    writeFileSync(tokenFile, 'second\n');
    expect((await listOnce(registry)).size).toBe(1);
  });
});

describe('an apiserver that is watched', () => {
  it('is asked for bookmarks, for some minutes at a time, and goes on from the last version', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    const follower = follow();
    await watching(fake);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1', '10.0.0.2'] })];
    fake.tell(
      'endpointslices',
      watchLine('MODIFIED', fakeSlice({ version: 101, hosts: ['10.0.0.1', '10.0.0.2'] })),
    );
    await follower.until((services) => services.get('web')?.size === 2);
    fake.end('endpointslices');
    await watching(fake, 2);
    fake.tell('endpointslices', watchLine('BOOKMARK', { metadata: { resourceVersion: 'opaque-222' } }));
    fake.end('endpointslices');
    await watching(fake, 3);
    const asked = fake.watches().map(({ searchParams }) => searchParams);
    expect(asked.map((query) => query.get('resourceVersion'))).toEqual(['100', '101', 'opaque-222']);
    for (const query of asked) {
      expect(query.get('allowWatchBookmarks')).toBe('true');
      expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
      expect(Number(query.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
    }
    expect(fake.lists().length).toBe(1);
    expect(follower.error).toBeUndefined();
  });

  it('is understood however its lines are cut', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    const follower = follow();
    await watching(fake);
    const line = Buffer.from(
      watchLine('MODIFIED', {
        ...fakeSlice({ version: 101, hosts: ['10.0.0.1', '10.0.0.2'] }),
        x: 'ein Gerät, 装置',
      }),
    );
    for (let i = 0; i < line.length; i += 7) {
      fake.tell('endpointslices', line.subarray(i, i + 7) as unknown as string);
      if (i % 70 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await follower.until((services) => services.get('web')?.size === 2);
  });

  it('goes on where it was when the connection breaks', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    const follower = follow();
    await watching(fake);
    // Half a line is not believed.
    fake.tell('endpointslices', '{"type":"DELETED","object":{"metadata":');
    fake.end('endpointslices', 'destroy');
    await watching(fake, 2);
    expect(follower.services.get('web')?.size).toBe(1);
    expect(fake.lists().length).toBe(1);
    expect(follower.error).toBeUndefined();
  });

  it.each(['in the stream', 'as a status'])(
    'is listed anew when its history has expired (%s)',
    async (how) => {
      await using scope = new AsyncDisposableStack();
      const { fake, follow } = await setUp(scope);
      fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
      let expired = 0;
      fake.instead = ({ searchParams }, _, response) => {
        if (!searchParams.has('watch') || expired++ > 0) return false;
        fake.slices = [fakeSlice({ hosts: ['10.0.0.2', '10.0.0.3'] })];
        if (how === 'as a status') return failure(response, 410, 'Expired');
        response.writeHead(200).write(watchLine('ERROR', { kind: 'Status', code: 410, reason: 'Expired' }));
        return true;
      };
      const follower = follow();
      await follower.until((services) => services.get('web')?.size === 2);
      expect([...(follower.services.get('web')?.keys() ?? [])]).toEqual(['10.0.0.2:80', '10.0.0.3:80']);
      expect(fake.lists().length).toBe(2);
      expect(follower.error).toBeUndefined();
    },
  );

  it('fails when its watches end at once, again and again', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    fake.instead = ({ searchParams }, _, response) => {
      if (searchParams.has('watch')) response.writeHead(200).end();
      return searchParams.has('watch');
    };
    const follower = follow();
    await expect.poll(() => follower.error, { timeout: 5_000 }).toMatchObject({ code: 'unreachable' });
    expect(fake.watches().length).toBe(5);
  });

  it.each([
    ['what is no JSON', 'oops\n', 'protocol'],
    ['an event without an object', watchLine('ADDED', {}), 'protocol'],
    ['an unknown event', watchLine('MOVED', {}), 'protocol'],
    ['a failure', watchLine('ERROR', { code: 500, message: 'etcd' }), 'unreachable'],
    ['a refusal', watchLine('ERROR', { code: 403, message: 'no' }), 'forbidden'],
  ])('fails with %s, and what was known stays', async (_, line, code) => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    const follower = follow();
    await watching(fake);
    fake.tell('endpointslices', line);
    await expect
      .poll(() => follower.error, { timeout: 5_000 })
      .toMatchObject({ name: 'RegistryError', code });
    expect(follower.services.get('web')?.size).toBe(1);
  });

  it('is found out when its watch misses what its lists have', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    const follower = follow();
    await watching(fake);
    fake.slices = [
      fakeSlice({ hosts: ['10.0.0.1'] }),
      fakeSlice({ name: 'db-1', service: 'db', hosts: ['10.0.0.9'] }),
    ];
    await follower.until((services) => services.has('db'));
    expect(fake.lists().length).toBe(2);
    expect(follower.error).toBeUndefined();
  });

  it('is found out when it takes the permission away under an open watch', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, follow } = await setUp(scope);
    fake.slices = [fakeSlice({ hosts: ['10.0.0.1'] })];
    const follower = follow();
    await watching(fake);
    fake.instead = (_url, _request, response) => failure(response, 403, 'Forbidden');
    await expect.poll(() => follower.error, { timeout: 5_000 }).toMatchObject({ code: 'forbidden' });
    expect(follower.services.get('web')?.size).toBe(1);
  });

  it('is asked anew when its connection has been silent for too long', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, all } = await setUp(scope);
    const deps = { name: 'reg', clock: systemClock, scope, baseDir: '/' };
    const api = new KubernetesApi(kubernetesOptions.parse(all), deps);
    const collection = { kind: 'EndpointSlice', namespace: undefined, selector: undefined } as const;
    const told: unknown[] = [];
    for await (const changes of api.watch(collection, '100', 1_000, NEVER)) told.push(changes);
    expect(told).toEqual([]);
    expect(fake.watches().length).toBe(1);
  });
});

describe('what is asked of which apiserver', () => {
  it('is limited to namespaces and selected by labels', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake, registry } = await setUp(scope, {
      namespaces: ['shop', 'data'],
      selector: 'tier in (front, back)',
      pods: true,
      podSelector: 'app=web',
    });
    await listOnce(registry);
    expect(
      fake.lists().map(({ pathname, searchParams }) => [pathname, searchParams.get('labelSelector')]),
    ).toEqual([
      ['/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', 'tier in (front, back)'],
      ['/apis/discovery.k8s.io/v1/namespaces/data/endpointslices', 'tier in (front, back)'],
      ['/api/v1/namespaces/shop/pods', 'app=web'],
      ['/api/v1/namespaces/data/pods', 'app=web'],
    ]);
  });

  it('goes to the server and with the token of a kubeconfig, below its path', async () => {
    await using scope = new AsyncDisposableStack();
    const { fake } = await setUp(scope);
    const dir = tempDir(scope);
    writeFileSync(join(dir, 'token'), 'from the file\n');
    const kubeconfig = {
      'current-context': 'other',
      clusters: [{ name: 'c', cluster: { server: `${fake.url}/k8s/clusters/c1/` } }],
      contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u', namespace: 'x' } }],
      users: [{ name: 'u', user: { token: 'in the text', tokenFile: 'token' } }],
    };
    writeFileSync(join(dir, 'config'), JSON.stringify(kubeconfig));
    fake.instead = ({ pathname }, request, response) =>
      pathname === '/k8s/clusters/c1/apis/discovery.k8s.io/v1/endpointslices' &&
      request.headers.authorization === 'Bearer from the file' &&
      json(response, 200, {
        kind: 'EndpointSliceList',
        metadata: { resourceVersion: '1' },
        items: [fakeSlice({ hosts: ['10.0.0.7'] })],
      });
    const file = { kubeconfig: 'config', pods: false };
    const list = (options: object) =>
      listOnce(make(kubernetesRegistry, { ...file, ...options }, scope, { baseDir: dir }));
    expect((await list({ context: 'dev', insecure: true })).get('web')?.has('10.0.0.7:80')).toBe(true);
    const asked = fake.asked.length;
    await expect(list({ context: 'dev' })).rejects.toThrow('verified TLS');
    await expect(list({})).rejects.toThrow('no context other');
    expect(fake.asked.length).toBe(asked);
  });

  it('is said where there is no cluster around', async () => {
    await using scope = new AsyncDisposableStack();
    await expect(listOnce(make(kubernetesRegistry, {}, scope))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('give kubeconfig') as string,
    });
  });
});
