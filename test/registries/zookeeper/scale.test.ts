/** Ten thousand providers: what it costs to list them, and to learn of one change. Prints its figures. */

import { expect, it } from 'vitest';
import type { Change } from '../../../src/registries/zookeeper/protocol.ts';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import { Follower, listed, make, request } from '../../contracts/registry.contract.ts';
import { AnswerProxy } from '../../support/answer-proxy.ts';
import { describeWith } from '../../support/servers.ts';
import { ZOOKEEPER_PROGRAM, ZookeeperServer } from '../../support/zookeeper-server.ts';

const NEVER = new AbortController().signal;
const SERVICES = 200;
const EACH = 50;

const nameOf = (service: string, port: number): string =>
  encodeURIComponent(
    `dubbo://10.0.0.1:${port}/${service}?application=shop&dynamic=true&interface=${service}&methods=add,remove,list&release=3.3.5&side=provider&timestamp=1795819053438`,
  );

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'ten thousand providers in a ZooKeeper', () => {
  it('are listed at once, and one change is read alone', { timeout: 180_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const server = await ZookeeperServer.start(scope);
    const peer = await server.session(scope);
    const create = (path: string): Change => ({ kind: 'create', path, data: '', acl: 'open' });
    await peer.apply(create('/dubbo'));
    for (let n = 0; n < SERVICES; n++) {
      const service = `com.shop.Service${n}`;
      const folder = `/dubbo/${service}/providers`;
      const providers = Array.from({ length: EACH }, (_, port) =>
        create(`${folder}/${nameOf(service, port + 1)}`),
      );
      await peer.apply(create(`/dubbo/${service}`), create(folder), ...providers);
    }
    const proxy = await AnswerProxy.start(scope, server.port);
    let bytes = 0;
    proxy.answer = (chunk) => {
      bytes += chunk.length;
      return chunk;
    };
    const registry = make(zookeeperRegistry, { servers: [proxy.address] }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    const measure = async (what: string, done: () => Promise<void>): Promise<number> => {
      bytes = 0;
      const start = performance.now();
      await done();
      const [ms, kib] = [Math.round(performance.now() - start), (bytes / 1_024).toFixed(1)];
      process.stderr.write(`zookeeper, ${SERVICES * EACH} providers: ${what}: ${ms} ms, ${kib} KiB read\n`);
      return bytes;
    };
    const total = (): number => [...follower.services.values()].reduce((sum, { size }) => sum + size, 0);
    const whole = await measure('all listed', () => follower.until(() => total() === SERVICES * EACH));
    const service = 'com.shop.Service7';
    const one = await measure('one joins', async () => {
      await peer.put(`/dubbo/${service}/providers/${nameOf(service, 999)}`, '');
      await follower.until((services) => services.get(service)?.size === EACH + 1);
    });
    // Its service's names again, and what the next look compares.
    expect(one).toBeLessThan(whole / 20);
    const dead = {
      kind: 'health',
      health: 'dead',
      reason: 'connect-refused',
      since: '2026-01-01T00:00:00.000Z',
    } as const;
    const target = await listed(registry, service, '10.0.0.1:999');
    const mark = await measure('one is marked dead, and seen so', async () => {
      await registry.write?.([request(target, dead)], NEVER);
      await follower.until((services) => services.get(service)?.get('10.0.0.1:999')?.mark?.health === 'dead');
    });
    expect(mark).toBeLessThan(whole / 20);
    const quiet = await measure(
      'nothing for 9 s',
      () => new Promise((resolve) => setTimeout(resolve, 9_000)),
    );
    expect(quiet).toBeLessThan(whole / 3);
    expect(follower.error).toBeUndefined();
  });
});
