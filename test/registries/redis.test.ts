import { afterAll, beforeAll } from 'vitest';
import { redisRegistry } from '../../src/registries/redis/registry.ts';
import { describeRegistry, type Harness } from '../contracts/registry.contract.ts';
import { RedisServer } from '../support/redis-server.ts';
import { describeWith } from '../support/servers.ts';

type Kind = 'hash' | 'json';

let lives = 0;

/** Providers as docs/registries/redis.md tells them to be: each life of one has an incarnation of its own. */
function harnessOn(
  servers: readonly RedisServer[],
  options: object,
  kind: Kind = 'hash',
  prefix = 'sonde',
): Harness {
  const incarnations = new Map<string, string>();
  const keyOf = (service: string, key: string): string => `${prefix}:default:${service}:${key}`;
  /** On whichever server has the key. */
  const on = async (commands: readonly (readonly string[])[]): Promise<readonly unknown[]> => {
    let refused: unknown;
    for (const server of servers)
      try {
        return await server.commands(commands);
      } catch (error) {
        refused = error;
        if (!String(error).includes('MOVED')) throw error;
      }
    throw refused;
  };
  const read = async (service: string, key: string): Promise<Record<string, unknown>> => {
    const [answer] = await on([[kind === 'hash' ? 'HGETALL' : 'GET', keyOf(service, key)]]);
    if (kind === 'json') return JSON.parse(String(answer)) as Record<string, unknown>;
    const words = answer as string[];
    return Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1]]] : [])));
  };
  return {
    options: {
      timeout: '1s',
      poll: '300ms',
      value: kind,
      pattern: `${prefix}:{namespace}:{service}:{id}`,
      ...options,
    },
    async put(service, key, fields = {}) {
      const [host = '', port = ''] = key.split(':');
      const at = keyOf(service, key);
      const incarnation = incarnations.get(at) ?? String(++lives);
      incarnations.set(at, incarnation);
      const { weight, enabled, metadata = {} } = fields;
      if (kind === 'json') {
        const value = { host, port: Number(port), incarnation, ...fields };
        await on([['SET', at, JSON.stringify(value), 'PX', '600000']]);
        return;
      }
      const words = [
        ['host', host, 'port', port, 'incarnation', incarnation],
        Object.entries(metadata).flatMap(([name, value]) => [`metadata.${name}`, value]),
        weight === undefined ? [] : ['weight', String(weight)],
        enabled === undefined ? [] : ['enabled', String(enabled)],
      ].flat();
      await on([['MULTI'], ['DEL', at], ['HSET', at, ...words], ['PEXPIRE', at, '600000'], ['EXEC']]);
    },
    async remove(service, key) {
      incarnations.delete(keyOf(service, key));
      await on([['DEL', keyOf(service, key)]]);
    },
    async outage() {
      for (const server of servers) await server.kill();
    },
    async recover() {
      for (const server of servers) await server.start();
      for (const server of servers) await server.ready();
    },
    async bytes() {
      const all: string[] = [];
      for (const server of servers)
        for (const key of (await server.command('KEYS', `${prefix}:*`)) as string[])
          all.push(key, String(await server.command(kind === 'hash' ? 'HGETALL' : 'GET', key)));
      return all.sort().join('\n');
    },
    async edit(service, key, { health, weight }) {
      const value = await read(service, key);
      const at = keyOf(service, key);
      const mark = (kind === 'hash' ? JSON.parse(String(value.sonde)) : value.sonde) as object;
      const sonde = { ...mark, ...(health === undefined ? {} : { health }) };
      const changed = { sonde, ...(weight === undefined ? {} : { weight }) };
      if (kind === 'json') await on([['SET', at, JSON.stringify({ ...value, ...changed }), 'KEEPTTL']]);
      else
        await on([
          [
            'HSET',
            at,
            'sonde',
            JSON.stringify(sonde),
            ...(weight === undefined ? [] : ['weight', String(weight)]),
          ],
        ]);
    },
    async weight(service, key) {
      const { weight } = await read(service, key);
      return weight === undefined ? undefined : Number(weight);
    },
  };
}

describeWith('redis', 'redis-server', 'Redis, a real one', () => {
  // One server for each contract; the tests of outages bring it back.
  const servers = new AsyncDisposableStack();
  let alone: RedisServer;
  let cluster: readonly RedisServer[];
  beforeAll(async () => {
    alone = await RedisServer.start(servers);
    cluster = await RedisServer.cluster(servers);
  });
  afterAll(() => servers.disposeAsync());

  let tests = 0;
  const prefix = (): string => `t${++tests}`;

  describeRegistry({
    name: 'redis, hashes',
    plugin: redisRegistry,
    start: () => Promise.resolve(harnessOn([alone], { addresses: [alone.address] }, 'hash', prefix())),
  });

  describeRegistry({
    name: 'redis, JSON with keyspace events',
    plugin: redisRegistry,
    start: async () => {
      await alone.command('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
      return harnessOn([alone], { addresses: [alone.address] }, 'json', prefix());
    },
  });

  describeRegistry({
    name: 'redis, a cluster',
    plugin: redisRegistry,
    start: () =>
      Promise.resolve(
        harnessOn(
          cluster,
          { topology: 'cluster', addresses: cluster.map(({ address }) => address) },
          'hash',
          prefix(),
        ),
      ),
  });
});
