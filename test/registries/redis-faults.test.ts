import { expect, it } from 'vitest';
import type { Registry } from '../../src/core/registry.ts';
import { redisRegistry } from '../../src/registries/redis/registry.ts';
import { slotOf } from '../../src/registries/redis/slot.ts';
import { Follower, listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { RedisServer } from '../support/redis-server.ts';
import { describeWith } from '../support/servers.ts';

const NEVER = new AbortController().signal;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;

const KEY = 'sonde:default:web:';

function instance(last: number, ttl = 600_000): readonly (readonly string[])[] {
  const key = `${KEY}10.0.0.${last}:80`;
  return [
    ['HSET', key, 'host', `10.0.0.${last}`, 'port', '80'],
    ['PEXPIRE', key, String(ttl)],
  ];
}

/** The permissions that docs/registries/redis.md names. */
const PERMISSIONS =
  '~sonde:* &__keyspace@0__:* +scan +hgetall +get +exists +hget +hset +hdel +set +pttl +pexpire +eval +psubscribe +ping +info +config|get +select +role +cluster|slots';

describeWith('redis', 'redis-server', 'Redis in trouble', () => {
  const redis = (
    scope: AsyncDisposableStack,
    server: RedisServer,
    options: object = {},
  ): { readonly registry: Registry; follow(): Follower } => {
    const given = { addresses: [server.address], timeout: '2s', poll: '300ms', ...options };
    const registry = make(redisRegistry, given, scope);
    return {
      registry,
      follow: () => {
        const follower = new Follower(registry);
        scope.defer(() => follower.stop());
        return follower;
      },
    };
  };
  const sizeOf = (size: number) => (services: ReadonlyMap<string, ReadonlyMap<string, unknown>>) =>
    (services.get('web')?.size ?? 0) === size;

  it('notices a server that hangs, and recovers', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await RedisServer.start(scope);
    await server.commands(instance(1));
    const { registry, follow } = redis(scope, server, { timeout: '1s' });
    const follower = follow();
    await follower.until(sizeOf(1));
    const known = await listed(registry, 'web', '10.0.0.1:80');
    server.freeze();
    await expect.poll(() => follower.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
    await expect(registry.write?.([request(known, DEAD)], NEVER)).rejects.toMatchObject({
      code: 'unreachable',
    });
    server.thaw();
    await follow().until(sizeOf(1));
  });

  it('forgets a provider whose time to live is over, with keyspace events and without', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await RedisServer.start(scope);
    for (const events of ['', 'KEA']) {
      await server.command('CONFIG', 'SET', 'notify-keyspace-events', events);
      await server.commands([...instance(1), ...instance(2, 1_500)]);
      const { registry, follow } = redis(scope, server);
      const follower = follow();
      await follower.until(sizeOf(2));
      const written = await registry.write?.(
        [request(await listed(registry, 'web', '10.0.0.2:80'), DEAD)],
        NEVER,
      );
      expect(written).toMatchObject([{ kind: 'written' }]);
      // The mark has not kept it alive.
      await follower.until(sizeOf(1));
    }
  });

  it('sees a change by its event, long before the next scan', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await RedisServer.start(scope, '--notify-keyspace-events', 'KEA');
    await server.commands(instance(1));
    const follower = redis(scope, server, { poll: '10s' }).follow();
    await follower.until(sizeOf(1));
    const started = performance.now();
    await server.commands(instance(2));
    await follower.until(sizeOf(2));
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('waits for providers to register again after a server was started anew without its data', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await RedisServer.start(scope, '--appendonly', 'no');
    await server.commands([...instance(1), ...instance(2)]);
    const { follow } = redis(scope, server, { restartGrace: '2s' });
    const first = follow();
    await first.until(sizeOf(2));
    await server.kill();
    await expect.poll(() => first.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
    await server.start();
    await server.commands(instance(1));
    const again = follow();
    await expect.poll(() => again.confirmations, { timeout: 10_000 }).toBeGreaterThan(1);
    expect(sizeOf(2)(again.services)).toBe(true);
    await again.until(sizeOf(1));
    expect(again.services.get('web')?.has('10.0.0.1:80')).toBe(true);
  });

  it('works with the permissions that the documentation names, and with one of them revoked it fails', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await RedisServer.start(scope, '--notify-keyspace-events', 'KEA');
    await server.command('ACL', 'SETUSER', 'sonde', 'reset', 'on', '>secret', ...PERMISSIONS.split(' '));
    await server.commands([...instance(1), ...instance(2)]);
    const login = { username: 'sonde', password: 'secret', insecure: true };
    const { registry, follow } = redis(scope, server, login);
    const known = await listed(registry, 'web', '10.0.0.1:80');
    expect(await registry.write?.([request(known, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
    const follower = follow();
    await follower.until(sizeOf(2));
    // Of writes.
    await server.command('ACL', 'SETUSER', 'sonde', '-eval');
    const release = request(known, { kind: 'release' });
    await expect(registry.write?.([release], NEVER)).rejects.toMatchObject({ code: 'forbidden' });
    // Of half of the keys: what may not be read has not left.
    await server.command('ACL', 'SETUSER', 'sonde', 'resetkeys', `~${KEY}10.0.0.1*`);
    await server.commands([['HSET', `${KEY}10.0.0.2:80`, 'weight', '5']]);
    await expect.poll(() => follower.error, { timeout: 10_000 }).toMatchObject({ code: 'forbidden' });
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'forbidden' });
    expect(follower.services.get('web')?.size).toBe(2);
    // Of everything.
    await server.command('ACL', 'SETUSER', 'sonde', 'off');
    const other = redis(scope, server, login);
    await expect(listOnce(other.registry)).rejects.toMatchObject({ code: 'unauthorised' });
  });

  it('follows a failover that a Sentinel makes, and writes to the new master', async () => {
    await using scope = new AsyncDisposableStack();
    const master = await RedisServer.start(scope);
    const replica = await RedisServer.start(scope, '--replicaof', '127.0.0.1', String(master.port));
    const sentinel = await RedisServer.sentinel(scope, master);
    await master.commands([...instance(1), ...instance(2)]);
    const knows = async (): Promise<boolean> => {
      const replicas = (await sentinel.command('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[];
      const dump = String(await replica.command('EXISTS', `${KEY}10.0.0.2:80`));
      return replicas.length === 1 && dump === '1';
    };
    await expect.poll(knows, { timeout: 20_000 }).toBe(true);
    const options = { topology: 'sentinel', masterName: 'mymaster', timeout: '1s' };
    const { registry, follow } = redis(scope, sentinel, options);
    const before = follow();
    await before.until(sizeOf(2));
    await master.kill();
    await expect.poll(() => before.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
    const listing = (): Promise<number | string> =>
      listOnce(registry).then(
        (services) => services.get('web')?.size ?? 0,
        () => 'failed',
      );
    const sizes = new Set<number | string>();
    await expect
      .poll(
        async () => {
          const size = await listing();
          sizes.add(size);
          return size;
        },
        { timeout: 40_000, interval: 200 },
      )
      .toBe(2);
    // Between the two there was a failure, or nothing; never a smaller registry.
    sizes.delete('failed');
    expect([...sizes]).toEqual([2]);
    const known = await listed(registry, 'web', '10.0.0.1:80');
    expect(await registry.write?.([request(known, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
    expect(await replica.command('HEXISTS', `${KEY}10.0.0.1:80`, 'sonde')).toBe(1);
  }, 90_000);

  it('loses nobody while a slot moves from one server of a cluster to another', async () => {
    await using scope = new AsyncDisposableStack();
    const nodes = await RedisServer.cluster(scope);
    const [from, to] = nodes as [RedisServer, RedisServer, RedisServer];
    // All of one slot that the first node has.
    const tag = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((one) => slotOf(`{${one}}`) < 5_461) ?? '';
    const keys = [1, 2, 3, 4, 5, 6].map((last) => `sonde:default:web:{${tag}}${last}`);
    await from.commands(keys.map((key) => ['HSET', key, 'host', '10.0.0.1', 'port', '80']));
    const { registry, follow } = redis(scope, from, { topology: 'cluster', poll: '100ms' });
    const follower = follow();
    await follower.until(sizeOf(6));
    const sizes = new Set<number>();
    const watch = setInterval(() => sizes.add(follower.services.get('web')?.size ?? 0), 5);
    scope.defer(() => clearInterval(watch));
    const slot = String(slotOf(keys[0] ?? ''));
    const [fromId, toId] = [await from.command('CLUSTER', 'MYID'), await to.command('CLUSTER', 'MYID')];
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromId));
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toId));
    for (const [index, key] of keys.entries()) {
      await from.command('MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000');
      if (index !== 2) continue;
      // Half of the keys are on the one server and half on the other: writes find both.
      const known = await Promise.all([1, 6].map((last) => listed(registry, 'web', `{${tag}}${last}`)));
      const receipts = await registry.write?.(
        known.map((one) => request(one, DEAD)),
        NEVER,
      );
      expect(receipts?.map(({ kind }) => kind)).toEqual(['written', 'written']);
    }
    for (const node of nodes) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(toId));
    const before = follower.confirmations;
    await expect.poll(() => follower.confirmations, { timeout: 10_000 }).toBeGreaterThan(before + 2);
    expect(follower.error).toBeUndefined();
    expect([...sizes]).toEqual([6]);
  }, 40_000);

  it('tells a cluster in which slots are served by nobody as a failure', async () => {
    await using scope = new AsyncDisposableStack();
    const nodes = await RedisServer.cluster(scope);
    for (const last of [1, 2, 3, 4, 5, 6, 7, 8]) {
      for (const node of nodes) await node.commands(instance(last)).catch(() => undefined);
    }
    const options = { topology: 'cluster', addresses: nodes.map(({ address }) => address) };
    const { registry, follow } = redis(scope, nodes[0] as RedisServer, options);
    const follower = follow();
    await follower.until(sizeOf(8));
    await nodes[2]?.kill();
    await expect.poll(() => follower.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
    expect(follower.services.get('web')?.size).toBe(8);
  }, 40_000);
});
