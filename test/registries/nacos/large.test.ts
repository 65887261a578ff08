import { expect, it } from 'vitest';
import { nacosRegistry } from '../../../src/registries/nacos/registry.ts';
import { Follower, instanceOf, listOnce, make, request } from '../../contracts/registry.contract.ts';
import { NacosHarness } from '../../support/nacos-harness.ts';
import { describeWithNacos, NacosServer } from '../../support/nacos-server.ts';

const SERVICES = 500;
const EACH = 20;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const HEALTHY = { ...DEAD, health: 'healthy', reason: 'recovered' } as const;

/** Figures of docs/registries/nacos.md: SONDE_LARGE=1 npm test -- test/registries/nacos/large.test.ts */
describeWithNacos('3.1.0', 'Nacos 3.1.0 with ten thousand instances', () => {
  it.skipIf(process.env.SONDE_LARGE === undefined)(
    'tells of a change within its poll and a second',
    async () => {
      await using scope = new AsyncDisposableStack();
      const server = await NacosServer.start(scope, '3.1.0');
      const nacos = await NacosHarness.on(server, true);
      const all = Array.from({ length: SERVICES * EACH }, (_, n) => n);
      const fields = { weight: 1, enabled: true, metadata: JSON.stringify({ zone: 'a', version: '1.2.3' }) };
      // Sixteen providers at a time.
      await Promise.all(
        Array.from({ length: 16 }, async (_, first) => {
          for (const n of all.filter((one) => one % 16 === first))
            await nacos.register(`service-${n % SERVICES}`, addressOf(n), fields);
        }),
      );
      const registry = make(nacosRegistry, { ...nacos.options, poll: '3s', fullPoll: '10s' }, scope);
      const count = async () =>
        [...(await listOnce(registry)).values()].reduce((sum, { size }) => sum + size, 0);
      await expect.poll(count, { timeout: 30_000, interval: 1_000 }).toBe(all.length);
      const figures: Record<string, string> = {};
      const timed = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
        const started = performance.now();
        const result = await run();
        figures[what] = `${Math.round(performance.now() - started)} ms`;
        return result;
      };
      const services = await timed('a listing', () => listOnce(registry));
      figures['bytes of it'] = String((await nacos.bytes(10_000)).length);
      const cpu = process.cpuUsage();
      await listOnce(registry);
      const { user, system } = process.cpuUsage(cpu);
      figures['CPU of sonde for one'] = `${Math.round((user + system) / 1_000)} ms`;
      const instances = (service: number) =>
        [...(services.get(`service-${service}`)?.values() ?? [])].map((entry) =>
          instanceOf(`service-${service}`, entry),
        );
      const some = Array.from({ length: 10 }, (_, n) => instances(n)).flat();
      const never = new AbortController().signal;
      await timed('200 writes of healthy that need none', async () => {
        for (const { kind } of (await registry.write?.(
          some.map((one) => request(one, HEALTHY)),
          never,
        )) ?? [])
          expect(kind).toBe('unchanged');
      });
      await timed('200 written dead', async () => {
        for (const { kind } of (await registry.write?.(
          some.map((one) => request(one, DEAD)),
          never,
        )) ?? [])
          expect(kind).toBe('written');
      });
      const follower = new Follower(registry);
      scope.defer(() => follower.stop());
      await follower.until(({ size }) => size === SERVICES);
      const times: number[] = [];
      for (const round of [1, 2, 3, 4, 5]) {
        const key = `10.9.0.${round}:80`;
        const started = performance.now();
        await nacos.register('service-7', key, fields);
        await follower.until((told) => told.get('service-7')?.has(key) === true);
        times.push(performance.now() - started);
      }
      figures['a join is told after'] = times.map((ms) => `${Math.round(ms)}`).join(', ');
      expect(Math.max(...times)).toBeLessThan(3_000 + 1_000);
      process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
    },
    600_000,
  );
});

function addressOf(n: number): string {
  return `10.1.${Math.floor(n / 250)}.${(n % 250) + 1}:8080`;
}
