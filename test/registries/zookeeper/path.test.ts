import { afterAll, beforeAll, expect, it } from 'vitest';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import {
  describeRegistry,
  Follower,
  listed,
  listOnce,
  make,
  request,
} from '../../contracts/registry.contract.ts';
import { describeWith } from '../../support/servers.ts';
import { ZOOKEEPER_PROGRAM, ZookeeperServer } from '../../support/zookeeper-server.ts';
import { pathHarness } from './harness.ts';

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'ZooKeeper, a real one, nodes by a pattern', () => {
  // One server for all contract tests, each below a root of its own; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let server: ZookeeperServer;
  let tests = 0;
  beforeAll(async () => {
    server = await ZookeeperServer.start(servers);
  });
  afterAll(() => servers.disposeAsync());

  describeRegistry({
    name: 'zookeeper, the mark in the value',
    plugin: zookeeperRegistry,
    start: (scope) => Promise.resolve(pathHarness(server, scope, { root: `/v${++tests}` })),
  });

  describeRegistry({
    name: 'zookeeper, the mark in a node of its own',
    plugin: zookeeperRegistry,
    start: (scope) => Promise.resolve(pathHarness(server, scope, { root: `/n${++tests}`, marks: 'node' })),
    skip: [{ reason: 'weights stand in the providers’ nodes, which are left alone here', tests: ['weight'] }],
  });

  it('reads paths alone, of one service in many groups, and writes beside them', async () => {
    await using scope = new AsyncDisposableStack();
    const peer = await server.session(scope);
    const options = {
      servers: [server.address],
      layout: 'path',
      pattern: '/up/{host}:{port}',
      value: 'none',
      service: 'cart',
      marksRoot: '/m',
    };
    for (const port of [1, 2, 3]) await peer.put(`/up/10.0.0.1:${port}`, 'no JSON', true);
    const registry = make(zookeeperRegistry, options, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('cart')?.size === 3);
    const dead = {
      kind: 'health',
      health: 'dead',
      reason: 'connect-refused',
      since: '2026-01-01T00:00:00.000Z',
    } as const;
    const target = await listed(registry, 'cart', '10.0.0.1:2');
    expect(await registry.write?.([request(target, dead)], new AbortController().signal)).toMatchObject([
      { kind: 'written' },
    ]);
    await follower.until((services) => services.get('cart')?.get('10.0.0.1:2')?.mark?.health === 'dead');
    expect(follower.services.get('cart')?.size).toBe(3);
    await peer.delete('/up/10.0.0.1:3');
    await follower.until((services) => services.get('cart')?.size === 2);
    expect(await peer.get('/up/10.0.0.1:2')).toBe('no JSON');
  });

  it('reads what Spring Cloud registers, by where its fields stand', async () => {
    await using scope = new AsyncDisposableStack();
    const peer = await server.session(scope);
    const text = '{"address":"10.0.0.1","port":8080,"payload":{"metadata":{"zone":"b"}},"weight":1.50}';
    await peer.put('/spring/cart/x', text, true);
    const fields = { host: 'address', metadata: 'payload.metadata' };
    const options = { servers: [server.address], layout: 'path', pattern: '/spring/{service}/{id}', fields };
    const registry = make(zookeeperRegistry, options, scope);
    expect((await listOnce(registry)).get('cart')?.get('x')).toMatchObject({
      host: '10.0.0.1',
      port: 8080,
      metadata: { zone: 'b' },
    });
    const healthy = {
      kind: 'health',
      health: 'healthy',
      reason: 'recovered',
      since: '2026-01-01T00:00:00.000Z',
    } as const;
    await registry.write?.(
      [request(await listed(registry, 'cart', 'x'), healthy)],
      new AbortController().signal,
    );
    const written = await peer.get('/spring/cart/x');
    expect(written).toContain('"weight":1.50');
    expect(written).toContain('"sonde":{"health":"healthy"');
  });
});
