import { expect, it } from 'vitest';
import { redisRegistry } from '../../src/registries/redis/registry.ts';
import { countingProxy } from '../support/counting-proxy.ts';
import { INSTANCES, measureLarge } from '../support/large-registry.ts';
import { RedisServer } from '../support/redis-server.ts';
import { describeWith } from '../support/servers.ts';

const POLL = 5_000;

function provider(i: number): readonly (readonly string[])[] {
  const key = `sonde:default:s${i % 100}:p${i}`;
  return [
    ['HSET', key, 'host', `10.0.${i >> 8}.${i & 255}`, 'port', '80', 'metadata.zone', 'a', 'weight', '100'],
    ['PEXPIRE', key, '600000'],
  ];
}

describeWith('redis', 'redis-server', 'Redis with ten thousand instances', () => {
  it.each([
    { events: 'KEA', how: 'with keyspace events', within: 1_000 },
    { events: '', how: 'without keyspace events', within: POLL + 1_000 },
  ])('tells a single change $how', { timeout: 180_000 }, async ({ events, how, within }) => {
    await using scope = new AsyncDisposableStack();
    const server = await RedisServer.start(scope, '--notify-keyspace-events', events, '--appendfsync', 'no');
    for (let i = 0; i < INSTANCES; i += 500)
      await server.commands(Array.from({ length: 500 }, (_, at) => provider(i + at)).flat());
    const proxy = await countingProxy(scope, server.port);
    const measured = await measureLarge(
      {
        title: `redis, ${INSTANCES} instances in 100 services, ${how}`,
        plugin: redisRegistry,
        options: { addresses: [`127.0.0.1:${proxy.port}`], poll: `${POLL}ms`, timeout: '10s' },
        proxy,
        add: async (i) => {
          await server.commands(provider(i));
        },
      },
      scope,
    );
    expect(measured.told[2]).toBeLessThan(within);
    // By its event the one key is read, and no other.
    if (events !== '') expect(measured.changeBytes).toBeLessThan(measured.listedBytes / 20);
  });
});
