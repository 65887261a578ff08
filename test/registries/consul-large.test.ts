import { expect, it } from 'vitest';
import { consulRegistry } from '../../src/registries/consul/registry.ts';
import { Follower, make } from '../contracts/registry.contract.ts';
import { ConsulServer } from '../support/consul-server.ts';
import { countingProxy } from '../support/counting-proxy.ts';
import { describeWith } from '../support/servers.ts';

const INSTANCES = 10_000;

function service(name: string, i: number): object {
  const Service = { ID: `${name}-${i}`, Service: name, Address: `10.${i >> 8}.${i & 255}.1`, Port: 80 };
  return { Service: { Verb: 'set', Node: `node-${i % 100}`, Service } };
}

describeWith('consul', 'consul', 'Consul with ten thousand instances', () => {
  it.each([
    { services: 40, within: 1_000, how: 'all of them waited for' },
    { services: 400, within: 11_000, how: 'in turns' },
    { services: 1, within: 4_000, how: 'in one service' },
  ])(
    'tells a single change: $services services, $how',
    { timeout: 240_000 },
    async ({ services, within }) => {
      await using scope = new AsyncDisposableStack();
      const consul = await ConsulServer.start(scope);
      for (let i = 0; i < 100; i++)
        await consul.call('PUT', '/v1/catalog/register', { Node: `node-${i}`, Address: `10.200.0.${i}` });
      const all = Array.from({ length: INSTANCES }, (_, i) => service(`s${i % services}`, i));
      for (let at = 0; at < INSTANCES; at += 100)
        await consul.call('PUT', '/v1/txn', all.slice(at, at + 100));
      const { port, bytes } = await countingProxy(scope, Number(new URL(consul.endpoint).port));
      const url = `http://127.0.0.1:${port}`;
      const heap = process.memoryUsage().heapUsed;
      const follower = new Follower(make(consulRegistry, { endpoints: [url], timeout: '20s' }, scope));
      scope.defer(() => follower.stop());
      const size = (): number => [...follower.services.values()].reduce((sum, one) => sum + one.size, 0);
      const started = performance.now();
      // And the server's own service.
      await expect
        .poll(() => follower.error ?? size(), { timeout: 60_000, interval: 20 })
        .toBe(INSTANCES + 1);
      const listing = { milliseconds: performance.now() - started, bytes: bytes() };
      // Whoever waits now waits from the present.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const times: number[] = [];
      const read: number[] = [];
      for (let i = 0; i < 5; i++) {
        const before = bytes();
        const changed = performance.now();
        await consul.call('PUT', '/v1/txn', [service('s0', INSTANCES + i)]);
        await expect
          .poll(() => follower.error ?? size(), { timeout: 30_000, interval: 5 })
          .toBe(INSTANCES + 2 + i);
        times.push(performance.now() - changed);
        read.push(bytes() - before);
      }
      const median = (list: number[]): number => list.sort((a, b) => a - b)[2] ?? 0;
      process.stdout.write(
        `consul, ${INSTANCES} instances in ${services} services: listed in ${Math.round(listing.milliseconds)} ms (${listing.bytes >> 10} KiB); ` +
          `a change told in ${Math.round(median(times))} ms (${Math.round(times.at(-1) ?? 0)} ms at most), ${median(read) >> 10} KiB read again; ` +
          `heap +${(process.memoryUsage().heapUsed - heap) >> 20} MiB\n`,
      );
      expect(median(times)).toBeLessThan(within);
    },
  );
});
