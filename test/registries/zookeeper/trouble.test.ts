/** What goes wrong between sonde and a ZooKeeper, and what must not come of it. */

import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import { Follower, listed, listOnce, make, request } from '../../contracts/registry.contract.ts';
import { AnswerProxy } from '../../support/answer-proxy.ts';
import { certificates } from '../../support/lab/certificates.ts';
import { describeWith } from '../../support/servers.ts';
import {
  freePorts,
  Peer,
  ZOOKEEPER_PROGRAM,
  type ZookeeperConfig,
  ZookeeperServer,
} from '../../support/zookeeper-server.ts';

const NEVER = new AbortController().signal;
const LONG = { timeout: 60_000 };
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const PATTERN = { layout: 'path', pattern: '/web/{service}/{id}', timeout: '1s' };

const provider = (n: number): string => JSON.stringify({ host: '10.0.0.1', port: n });

async function fill(peer: Peer, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await peer.put(`/web/shop/p${n}`, provider(n));
}

/** Every size that the service was told to have. */
function sizes(follower: Follower): Set<number> {
  const seen = new Set<number>();
  const timer = setInterval(() => {
    const size = follower.services.get('shop')?.size;
    if (size !== undefined) seen.add(size);
  }, 5);
  timer.unref();
  return seen;
}

async function withServer(
  run: (server: ZookeeperServer, peer: Peer, scope: AsyncDisposableStack) => Promise<void>,
  config: ZookeeperConfig = {},
): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const server = await ZookeeperServer.start(scope, config);
  await run(server, await server.session(scope), scope);
}

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'ZooKeeper in trouble', () => {
  it(
    'leaves a server that has gone silent for the next one, in the same session, and misses nothing',
    LONG,
    async () => {
      await using scope = new AsyncDisposableStack();
      const servers = await ZookeeperServer.ensemble(scope);
      const peer = await Peer.open(servers, scope);
      await fill(peer, 3);
      const [first, second] = servers;
      const modes = await Promise.all(servers.map((server) => server.mode()));
      const silent = servers[modes.indexOf('follower')] ?? first;
      const other = servers[modes.lastIndexOf('follower')] ?? second;
      const options = { ...PATTERN, servers: [silent?.address, other?.address] };
      // The first of the two is drawn by lot: both are followed, of whom one meets the silent server.
      const followers = [1, 2, 3, 4, 5, 6].map(() => new Follower(make(zookeeperRegistry, options, scope)));
      for (const follower of followers) {
        scope.defer(() => follower.stop());
        await follower.until((services) => services.get('shop')?.size === 3);
      }
      const seen = followers.map((follower) => sizes(follower));
      silent?.freeze();
      const ready = await Peer.open(
        servers.filter((server) => server !== silent),
        scope,
      );
      await ready.put('/web/shop/p4', provider(4));
      for (const follower of followers) await follower.until((services) => services.get('shop')?.size === 4);
      for (const follower of followers) expect(follower.error).toBeUndefined();
      for (const told of seen) expect([...told].every((size) => size >= 3)).toBe(true);
      silent?.thaw();
    },
  );

  it('outlasts the election of another leader', LONG, async () => {
    await using scope = new AsyncDisposableStack();
    const servers = await ZookeeperServer.ensemble(scope);
    await fill(await Peer.open(servers, scope), 3);
    const options = { ...PATTERN, timeout: '2s', servers: servers.map(({ address }) => address) };
    const registry = make(zookeeperRegistry, options, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('shop')?.size === 3);
    const instance = await listed(registry, 'shop', 'p1');
    expect(await registry.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
    const seen = sizes(follower);
    const modes = await Promise.all(servers.map((server) => server.mode()));
    const leader = servers[modes.indexOf('leader')];
    await leader?.kill();
    const left = servers.filter((server) => server !== leader);
    await expect
      .poll(async () => (await Promise.all(left.map((server) => server.mode()))).includes('leader'), LONG)
      .toBe(true);
    const slow = { ...DEAD, health: 'sub-healthy', reason: 'slow' } as const;
    await expect
      .poll(() => registry.write?.([request(instance, slow)], NEVER).catch(String), LONG)
      .toMatchObject([{ kind: 'written' }]);
    await (await Peer.open(left, scope)).put('/web/shop/p4', provider(4));
    await follower.until((services) => services.get('shop')?.size === 4);
    expect(follower.services.get('shop')?.get('p1')?.mark).toMatchObject({ health: 'sub-healthy' });
    expect(follower.error).toBeUndefined();
    expect([...seen].every((size) => size >= 3)).toBe(true);
  });

  it('is down when its session has expired, and lists all again', LONG, () =>
    withServer(async (server, peer, scope) => {
      await fill(peer, 2);
      const proxy = await AnswerProxy.start(scope, server.port);
      const options = { ...PATTERN, servers: [proxy.address], sessionTimeout: '1s' };
      const follower = new Follower(make(zookeeperRegistry, options, scope));
      scope.defer(() => follower.stop());
      await follower.until((services) => services.get('shop')?.size === 2);
      proxy.cut();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(follower.error).toBeUndefined();
      proxy.heal();
      await expect
        .poll(() => follower.error, LONG)
        .toMatchObject({
          code: 'unreachable',
          message: expect.stringContaining('the session expired') as string,
        });
      expect(follower.services.get('shop')?.size).toBe(2);
      const again = new Follower(make(zookeeperRegistry, options, scope));
      scope.defer(() => again.stop());
      await again.until((services) => services.get('shop')?.size === 2);
    }),
  );

  it('tells nothing wrong when answers come slowly, by halves, wrongly or not at all', LONG, () =>
    withServer(async (server, peer, scope) => {
      await fill(peer, 30);
      const proxy = await AnswerProxy.start(scope, server.port);
      const options = { ...PATTERN, servers: [proxy.address] };
      const follow = async (): Promise<Follower> => {
        const follower = new Follower(make(zookeeperRegistry, options, scope));
        scope.defer(() => follower.stop());
        await follower.until((services) => services.get('shop')?.size === 30);
        return follower;
      };
      // Slowly: it works.
      proxy.answer = async (chunk) => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return chunk;
      };
      const slow = await follow();
      await peer.put('/web/shop/p31', provider(31));
      await slow.until((services) => services.get('shop')?.size === 31);
      await peer.delete('/web/shop/p31');
      proxy.answer = (chunk) => chunk;
      // By halves, and not at all.
      for (const share of [2, 1_000_000]) {
        const follower = await follow();
        const seen = sizes(follower);
        proxy.answer = (chunk) => chunk.subarray(0, Math.floor(chunk.length / share));
        await expect
          .poll(() => follower.error, LONG)
          .toMatchObject({ code: /unreachable|protocol/ as unknown });
        expect([...seen].every((size) => size === 30)).toBe(true);
        await expect(listOnce(make(zookeeperRegistry, options, scope))).rejects.toMatchObject({
          name: 'RegistryError',
        });
        proxy.answer = (chunk) => chunk;
      }
      // Wrongly.
      const follower = await follow();
      const seen = sizes(follower);
      proxy.answer = (chunk) => Buffer.alloc(chunk.length, 0x17);
      await expect.poll(() => follower.error, LONG).toMatchObject({ code: 'protocol' });
      expect([...seen].every((size) => size === 30)).toBe(true);
      await expect(listOnce(make(zookeeperRegistry, options, scope))).rejects.toMatchObject({
        code: 'protocol',
      });
    }),
  );

  it('is forbidden what its login may not read, and lists it with the right one', LONG, () =>
    withServer(async (server, _, scope) => {
      const owner = await server.session(scope, 'dubbo:secret');
      await owner.apply(
        { kind: 'create', path: '/web', data: '', acl: 'creator' },
        { kind: 'create', path: '/web/shop', data: '', acl: 'creator' },
        { kind: 'create', path: '/web/shop/p1', data: provider(1), acl: 'creator' },
      );
      const options = { ...PATTERN, servers: [server.address], insecure: true };
      const list = (more: object) => listOnce(make(zookeeperRegistry, { ...options, ...more }, scope));
      await expect(list({})).rejects.toMatchObject({ code: 'forbidden' });
      await expect(list({ username: 'dubbo', password: 'wrong' })).rejects.toMatchObject({
        code: 'forbidden',
      });
      expect((await list({ username: 'dubbo', password: 'secret' })).get('shop')?.size).toBe(1);
    }),
  );

  it('is unauthorised where the server wants a login', LONG, () =>
    withServer(
      async (server, _, scope) => {
        const options = { ...PATTERN, servers: [server.address], insecure: true };
        const list = (more: object) => listOnce(make(zookeeperRegistry, { ...options, ...more }, scope));
        await expect(list({})).rejects.toMatchObject({ code: 'unauthorised' });
        expect((await list({ username: 'a', password: 'b' })).size).toBe(0);
      },
      { properties: ['zookeeper.enforce.auth.enabled=true', 'zookeeper.enforce.auth.schemes=digest'] },
    ),
  );

  it('notices that a permission was taken away, although no watch says so', LONG, () =>
    withServer(async (server, peer, scope) => {
      await fill(peer, 2);
      const options = { ...PATTERN, servers: [server.address] };
      const follower = new Follower(make(zookeeperRegistry, options, scope));
      scope.defer(() => follower.stop());
      await follower.until((services) => services.get('shop')?.size === 2);
      const main = 'org.apache.zookeeper.ZooKeeperMain';
      const jar = '/usr/share/java/zookeeper.jar';
      const client = ['-cp', jar, main, '-server', server.address, 'setAcl', '/web', 'world:anyone:cdwa'];
      await promisify(execFile)('java', client);
      await expect.poll(() => follower.error, LONG).toMatchObject({ code: 'forbidden' });
      expect(follower.services.get('shop')?.size).toBe(2);
    }),
  );

  it('speaks TLS with a client certificate, and to no server that it cannot verify', LONG, async () => {
    const lab = certificates();
    const store = (name: 'good' | 'wrongName'): string => {
      const file = join(lab.dir, `${name}.p12`);
      const { certFile, keyFile } = lab[name];
      const from = ['-in', certFile, '-inkey', keyFile, '-certfile', lab.ca];
      execFileSync('openssl', ['pkcs12', '-export', ...from, '-out', file, '-passout', 'pass:secret']);
      return file;
    };
    const secure = async (name: 'good' | 'wrongName', port: number): Promise<readonly string[]> => [
      'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
      `secureClientPort=${port}`,
      'secureClientPortAddress=127.0.0.1',
      `ssl.keyStore.location=${store(name)}`,
      'ssl.keyStore.password=secret',
      'ssl.keyStore.type=PKCS12',
      `ssl.trustStore.location=${lab.ca}`,
      'ssl.trustStore.type=PEM',
      'ssl.clientAuth=need',
    ];
    await using scope = new AsyncDisposableStack();
    const [port = 0] = await freePorts(1);
    const server = await ZookeeperServer.start(scope, { lines: await secure('good', port) });
    await fill(await server.session(scope), 1);
    const { certFile, keyFile } = lab.client;
    // The first handshake of a fresh Java machine takes its time.
    const login = { username: 'a', password: 'b', timeout: '10s' };
    const list = (tls: object) =>
      listOnce(make(zookeeperRegistry, { ...PATTERN, ...login, servers: [`127.0.0.1:${port}`], tls }, scope));
    expect((await list({ caFile: lab.ca, certFile, keyFile })).get('shop')?.size).toBe(1);
    await expect(list({ certFile, keyFile })).rejects.toMatchObject({ code: 'unreachable' });
    await expect(list({ caFile: lab.ca })).rejects.toMatchObject({ code: 'unreachable' });
    await expect(list({ caFile: keyFile, certFile: keyFile, keyFile: certFile })).rejects.toMatchObject({
      code: 'unreachable',
    });
    await expect(list({ caFile: '/nowhere', certFile, keyFile })).rejects.toMatchObject({
      code: 'unreachable',
    });
    const [otherPort = 0] = await freePorts(1);
    const other = { lines: await secure('wrongName', otherPort) };
    await ZookeeperServer.start(scope, other);
    const wrong = {
      ...PATTERN,
      timeout: '10s',
      servers: [`127.0.0.1:${otherPort}`],
      tls: { caFile: lab.ca, certFile, keyFile },
    };
    await expect(listOnce(make(zookeeperRegistry, wrong, scope))).rejects.toMatchObject({
      code: 'unreachable',
    });
  });
});
