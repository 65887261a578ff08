import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request as ask } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/app/system-clock.ts';
import { COMPACTED, EtcdApi } from '../../src/registries/etcd/api.ts';
import { etcdOptions } from '../../src/registries/etcd/options.ts';
import { etcdRegistry } from '../../src/registries/etcd/registry.ts';
import { Shelf } from '../../src/registries/etcd/shelf.ts';
import {
  describeRegistry,
  Follower,
  type Harness,
  instanceOf,
  listed,
  listOnce,
  make,
  request,
} from '../contracts/registry.contract.ts';
import { b64, EtcdServer } from '../support/etcd-server.ts';
import { serve } from '../support/json-server.ts';
import { describeWith } from '../support/servers.ts';
import { tempDir } from '../support/temp-dir.ts';

const PREFIX = '/sonde/';
const NEVER = new AbortController().signal;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;

interface Prefixes {
  readonly prefix?: string;
  readonly statusPrefix?: string;
}

function harnessOn(server: EtcdServer, { prefix = PREFIX, statusPrefix }: Prefixes = {}): Harness {
  const keyOf = (service: string, key: string): string => `${prefix}default/${service}/${key}`;
  const statusOf = (service: string, key: string): string => `${statusPrefix}default/${service}/${key}`;
  return {
    options: {
      endpoints: [server.endpoint],
      timeout: '1s',
      prefix,
      ...(statusPrefix === undefined ? {} : { statusPrefix }),
    },
    async put(service, key, fields = {}) {
      const [host, port = '0'] = key.split(':');
      await server.put(keyOf(service, key), { host, port: Number(port), ...fields });
    },
    remove: (service, key) => server.delete(keyOf(service, key)),
    outage: () => server.kill(),
    recover: () => server.start(),
    bytes: async () => JSON.stringify([...(await server.all(statusPrefix ?? prefix))]),
    async edit(service, key, { health, weight }) {
      if (statusPrefix !== undefined) {
        await server.put(statusOf(service, key), { ...(await server.get(statusOf(service, key))), health });
        return;
      }
      const value = (await server.get(keyOf(service, key))) ?? {};
      const sonde = { ...(value.sonde as object), ...(health === undefined ? {} : { health }) };
      await server.put(keyOf(service, key), { ...value, sonde, ...(weight === undefined ? {} : { weight }) });
    },
    weight: async (service, key) => (await server.get(keyOf(service, key)))?.weight as number | undefined,
  };
}

describeWith('etcd', 'etcd', 'etcd, a real one', () => {
  // One server for all contract tests, each below a prefix of its own; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let server: EtcdServer;
  let tests = 0;
  beforeAll(async () => {
    server = await EtcdServer.start(servers);
  });
  afterAll(() => servers.disposeAsync());

  describeRegistry({
    name: 'etcd',
    plugin: etcdRegistry,
    start: () => Promise.resolve(harnessOn(server, { prefix: `/t${++tests}/` })),
  });

  describeRegistry({
    name: 'etcd with a status prefix',
    plugin: etcdRegistry,
    start: () => Promise.resolve(harnessOn(server, { prefix: `/t${++tests}/`, statusPrefix: `/s${tests}/` })),
    skip: [{ reason: 'weights stand in the provider’s keys, which are left alone here', tests: ['weight'] }],
  });

  async function withEtcd(
    run: (server: EtcdServer, scope: AsyncDisposableStack) => Promise<void>,
    ...flags: string[]
  ): Promise<void> {
    await using scope = new AsyncDisposableStack();
    await run(await EtcdServer.start(scope, ...flags), scope);
  }

  it('ends a watch that a compaction cancelled, whose stream stays open', () =>
    withEtcd(async (server, scope) => {
      for (let i = 0; i < 5; i++) await server.put(`${PREFIX}default/web/a:1`, { host: 'a', port: i + 1 });
      const revision = String(await server.revision());
      await server.call('/v3/kv/compaction', { revision, physical: true });
      const options = etcdOptions.parse({ endpoints: [server.endpoint] });
      const api = new EtcdApi(options, { name: 'reg', clock: systemClock, scope, baseDir: '/' });
      const told: unknown[] = [];
      for await (const changes of api.watch(PREFIX, 2n, NEVER)) told.push(changes);
      expect(told).toEqual([COMPACTED]);
    }));

  it('notices a server that hangs, and recovers', () =>
    withEtcd(async (server, scope) => {
      const harness = harnessOn(server);
      await harness.put('web', 'a:1');
      const follower = new Follower(make(etcdRegistry, harness.options, scope));
      scope.defer(() => follower.stop());
      await follower.until((services) => services.get('web')?.size === 1);
      server.freeze();
      await expect.poll(() => follower.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
      server.thaw();
      const again = new Follower(make(etcdRegistry, harness.options, scope));
      scope.defer(() => again.stop());
      await again.until((services) => services.get('web')?.size === 1);
    }));

  it('leaves leases to the providers: a dead one goes although we wrote', () =>
    withEtcd(async (server, scope) => {
      const { ID } = (await server.call('/v3/lease/grant', { TTL: 2 })) as { ID: string };
      await server.put(`${PREFIX}default/web/a:1`, { host: 'a', port: 1 }, ID);
      const registry = make(etcdRegistry, harnessOn(server).options, scope);
      const instance = await listed(registry, 'web', 'a:1');
      expect(await registry.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
      await expect.poll(() => server.get(`${PREFIX}default/web/a:1`), { timeout: 10_000 }).toBeUndefined();
      expect(await registry.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'gone' }]);
    }));

  it('puts a status key under the lease of its instance', () =>
    withEtcd(async (server, scope) => {
      const { ID } = (await server.call('/v3/lease/grant', { TTL: 2 })) as { ID: string };
      await server.put(`${PREFIX}default/web/a:1`, { host: 'a', port: 1 }, ID);
      const registry = make(etcdRegistry, harnessOn(server, { statusPrefix: '/status/' }).options, scope);
      const instance = await listed(registry, 'web', 'a:1');
      expect(await registry.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
      expect((await server.all('/status/')).size).toBe(1);
      await expect.poll(async () => (await server.all('/status/')).size, { timeout: 10_000 }).toBe(0);
    }));

  it('removes the status key of an instance that has left with the next write', () =>
    withEtcd(async (server, scope) => {
      const harness = harnessOn(server, { statusPrefix: '/status/' });
      for (const key of ['a:1', 'b:1', 'c:1']) await harness.put('web', key);
      const registry = make(etcdRegistry, harness.options, scope);
      const instances = await Promise.all(['a:1', 'b:1', 'c:1'].map((key) => listed(registry, 'web', key)));
      await registry.write?.(
        instances.map((instance) => request(instance, DEAD)),
        NEVER,
      );
      await harness.edit('web', 'b:1', { health: 'healthy' });
      for (const key of ['a:1', 'b:1']) await harness.remove('web', key);
      const follower = new Follower(registry);
      scope.defer(() => follower.stop());
      await follower.until((services) => services.get('web')?.size === 1);
      await registry.write?.([request(await listed(registry, 'web', 'c:1'), DEAD)], NEVER);
      // What somebody edited is theirs.
      const left = await server.all('/status/');
      expect([...left.keys()]).toEqual(['/status/default/web/b:1', '/status/default/web/c:1']);
    }));

  it('keeps what it does not know in a value, to the last digit', () =>
    withEtcd(async (server, scope) => {
      const value = '{"host":"a","port":1,"id":12345678901234567890,"ratio":1.50,"more":{"x":[null,1e2]}}';
      await server.put(`${PREFIX}default/web/a:1`, value);
      const registry = make(etcdRegistry, harnessOn(server).options, scope);
      const instance = await listed(registry, 'web', 'a:1');
      await registry.write?.([request(instance, DEAD)], NEVER);
      const written = (await server.all(PREFIX)).get(`${PREFIX}default/web/a:1`);
      expect(written).toMatch(`${value.slice(0, -1)},"sonde":{`);
      await registry.write?.([request(instance, { kind: 'release' })], NEVER);
      expect((await server.all(PREFIX)).get(`${PREFIX}default/web/a:1`)).toBe(value);
    }));

  it('refuses the one instance that it may not write, and writes the others', () =>
    withEtcd(async (server, scope) => {
      for (const service of ['web', 'db'])
        await server.put(`${PREFIX}default/${service}/a:1`, { host: 'a', port: 1 });
      for (const name of ['root', 'sonde']) {
        await server.call('/v3/auth/user/add', { name, password: 'secret' });
        await server.call('/v3/auth/role/add', { name });
        await server.call('/v3/auth/user/grant', { user: name, role: name });
      }
      const grant = (permType: string, key: string) =>
        server.call('/v3/auth/role/grant', {
          name: 'sonde',
          perm: { permType, key: b64(key), range_end: b64(`${key.slice(0, -1)}0`) },
        });
      await grant('READ', PREFIX);
      await grant('WRITE', `${PREFIX}default/web/`);
      await server.call('/v3/auth/enable', {});
      const user = { username: 'sonde', password: 'secret', insecure: true };
      const registry = make(etcdRegistry, { endpoints: [server.endpoint], ...user }, scope);
      const [web, db] = [await listed(registry, 'web', 'a:1'), await listed(registry, 'db', 'a:1')];
      expect(await registry.write?.([request(web, DEAD), request(db, DEAD)], NEVER)).toMatchObject([
        { instance: web.id, kind: 'written' },
        { instance: db.id, kind: 'refused', detail: expect.stringContaining('permission denied') as string },
      ]);
      await expect(registry.write?.([request(db, DEAD)], NEVER)).rejects.toMatchObject({ code: 'forbidden' });
      const elsewhere = make(
        etcdRegistry,
        { endpoints: [server.endpoint], prefix: '/other', ...user },
        scope,
      );
      await expect(listOnce(elsewhere)).rejects.toMatchObject({ code: 'forbidden' });
    }));

  it('logs in once for many calls', () =>
    withEtcd(async (server, scope) => {
      for (let i = 0; i < 64; i++)
        await server.put(`${PREFIX}default/web/h${i}:1`, { host: `h${i}`, port: 1 });
      await server.call('/v3/auth/user/add', { name: 'root', password: 'secret' });
      await server.call('/v3/auth/role/add', { name: 'root' });
      await server.call('/v3/auth/user/grant', { user: 'root', role: 'root' });
      await server.call('/v3/auth/enable', {});
      const passwordFile = join(tempDir(scope), 'password');
      writeFileSync(passwordFile, 'secret\n');
      let logins = 0;
      const gateway = await serve(scope, async (path, body, headers) => {
        if (path === '/v3/auth/authenticate') logins++;
        const { statusCode, body: answer } = await ask(`${server.endpoint}${path}`, {
          method: 'POST',
          body,
          headers: headers.authorization === undefined ? {} : { authorization: headers.authorization },
          reset: true,
        });
        return { status: statusCode, body: await answer.text() };
      });
      const options = { endpoints: [gateway], username: 'root', passwordFile, insecure: true };
      const registry = make(etcdRegistry, options, scope);
      const services = await listOnce(make(etcdRegistry, options, scope));
      expect(logins).toBe(1);
      const requests = [...(services.get('web')?.values() ?? [])].map((entry) =>
        request(instanceOf('web', entry), DEAD),
      );
      const receipts = await registry.write?.(requests, NEVER);
      expect(receipts?.map(({ kind }) => kind)).toEqual(Array.from({ length: 64 }, () => 'written'));
      expect(logins).toBe(2);
    }));

  it('turns to the next endpoint with all its calls at once', () =>
    withEtcd(async (server, scope) => {
      for (let i = 0; i < 20; i++)
        await server.put(`${PREFIX}default/web/h${i}:1`, { host: `h${i}`, port: 1 });
      const services = await listOnce(make(etcdRegistry, harnessOn(server).options, scope));
      const options = { endpoints: ['http://127.0.0.1:1', server.endpoint] };
      const requests = [...(services.get('web')?.values() ?? [])].map((entry) =>
        request(instanceOf('web', entry), DEAD),
      );
      const receipts = await make(etcdRegistry, options, scope).write?.(requests, NEVER);
      expect(new Set(receipts?.map(({ kind }) => kind))).toEqual(new Set(['written']));
    }));

  it('lists 5,000 keys page by page at one revision', () =>
    withEtcd(async (server, scope) => {
      const puts = Array.from({ length: 5_000 }, (_, i) => ({
        request_put: {
          key: b64(`${PREFIX}default/s${i % 50}/h${i}:80`),
          value: b64(JSON.stringify({ host: `h${i}`, port: 80 })),
        },
      }));
      for (let i = 0; i < puts.length; i += 100)
        await server.call('/v3/kv/txn', { success: puts.slice(i, i + 100) });
      const services = await listOnce(make(etcdRegistry, harnessOn(server).options, scope));
      expect(services.size).toBe(50);
      expect([...services.values()].reduce((sum, one) => sum + one.size, 0)).toBe(5_000);
    }));

  it('pages past keys that are no UTF-8, and counts them', () =>
    withEtcd(async (server, scope) => {
      const raw = (...bytes: number[]): string =>
        Buffer.concat([Buffer.from(PREFIX), Buffer.from(bytes)]).toString('base64');
      const keys = Array.from({ length: 999 }, (_, i) => b64(`${PREFIX}default/web/h${i}:80`));
      // One at the end of a page of 1,000, two that look alike as text.
      keys.push(raw(0xfe), raw(0xfe, 0xfe), raw(0xff, 0xfe));
      const puts = keys.map((key) => ({ request_put: { key, value: b64('{"host":"h","port":80}') } }));
      for (let i = 0; i < puts.length; i += 100)
        await server.call('/v3/kv/txn', { success: puts.slice(i, i + 100) });
      const api = new EtcdApi(etcdOptions.parse({ endpoints: [server.endpoint] }), {
        name: 'reg',
        clock: systemClock,
        scope,
        baseDir: '/',
      });
      const listing = await api.list(PREFIX, undefined, NEVER);
      expect(listing.kvs.length).toBe(1_002);
      const shelf = new Shelf(PREFIX, listing);
      expect(await api.glance(PREFIX, shelf.revision, NEVER)).toEqual({ keys: shelf.size, newer: false });
    }));

  it('leaves out what says no instance, and says so once', () =>
    withEtcd(async (server, scope) => {
      await server.put(`${PREFIX}default/web/a:1`, { host: 'a', port: 1 });
      await server.put(`${PREFIX}default/web/b`, 'not json');
      await server.put(`${PREFIX}default/web/c`, { host: 'c', port: 'x' });
      await server.put(`${PREFIX}odd`, { host: 'c', port: 1 });
      const services = await listOnce(make(etcdRegistry, harnessOn(server).options, scope));
      expect([...(services.get('web')?.keys() ?? [])]).toEqual(['a:1']);
    }));

  it('logs in, and again when its token has expired', () =>
    withEtcd(
      async (server, scope) => {
        await server.put(`${PREFIX}default/web/a:1`, { host: 'a', port: 1 });
        await server.call('/v3/auth/user/add', { name: 'root', password: 'secret' });
        await server.call('/v3/auth/role/add', { name: 'root' });
        await server.call('/v3/auth/user/grant', { user: 'root', role: 'root' });
        await server.call('/v3/auth/enable', {});
        const options = { endpoints: [server.endpoint], username: 'root', insecure: true };
        const registry = make(etcdRegistry, { ...options, password: 'secret' }, scope);
        const follower = new Follower(registry);
        scope.defer(() => follower.stop());
        await follower.until((services) => services.get('web')?.size === 1);
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        expect((await listOnce(registry)).get('web')?.size).toBe(1);
        await expect(
          listOnce(make(etcdRegistry, { ...options, password: 'wrong' }, scope)),
        ).rejects.toMatchObject({ code: 'unauthorised' });
        await expect(
          listOnce(make(etcdRegistry, { endpoints: [server.endpoint] }, scope)),
        ).rejects.toMatchObject({ code: 'unauthorised' });
      },
      '--auth-token-ttl',
      '2',
    ));

  it('goes on with the next endpoint when one is gone', () =>
    withEtcd(async (server, scope) => {
      await server.put(`${PREFIX}default/web/a:1`, { host: 'a', port: 1 });
      const options = { endpoints: ['http://127.0.0.1:1', server.endpoint] };
      expect((await listOnce(make(etcdRegistry, options, scope))).get('web')?.size).toBe(1);
    }));
});
