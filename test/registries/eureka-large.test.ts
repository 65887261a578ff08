import { expect, it } from 'vitest';
import { eurekaRegistry } from '../../src/registries/eureka/registry.ts';
import { countingProxy } from '../support/counting-proxy.ts';
import { EurekaServer, whyNoEureka } from '../support/eureka-server.ts';
import { INSTANCES, measureLarge } from '../support/large-registry.ts';
import { describeUnless } from '../support/servers.ts';

const POLL = 5_000;

describeUnless('eureka', whyNoEureka(), 'Eureka with ten thousand instances', () => {
  it('tells a single change, without listing all again', { timeout: 300_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    // The changes that are told here are those since the listing, not those of the minutes in which all registered.
    const server = await EurekaServer.start(
      scope,
      '--eureka.server.retention-time-in-m-s-in-delta-queue=15000',
      '--eureka.server.delta-retention-timer-interval-in-ms=1000',
    );
    const add = (i: number): Promise<void> =>
      server.register(`s${i % 100}`, `p${i}`, {
        host: `10.0.${i >> 8}.${i & 255}`,
        port: 80,
        metadata: { zone: 'a' },
      });
    const left = Array.from({ length: INSTANCES }, (_, i) => i);
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = left.pop(); i !== undefined; i = left.pop()) await add(i);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 17_000));
    const proxy = await countingProxy(scope, server.port);
    const measured = await measureLarge(
      {
        title: `eureka, ${INSTANCES} instances in 100 services`,
        plugin: eurekaRegistry,
        options: { urls: [`http://127.0.0.1:${proxy.port}/eureka`], poll: `${POLL}ms`, timeout: '20s' },
        proxy,
        add,
      },
      scope,
    );
    expect(measured.told[2]).toBeLessThan(POLL + 1_000);
    expect(measured.changeBytes).toBeLessThan(measured.listedBytes / 20);
  });
});
