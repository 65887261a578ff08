/** What real consumers of Dubbo do when sonde has written: the proof that its rules are read as meant. */

import { expect, it } from 'vitest';
import type { Instance } from '../../src/core/instance.ts';
import type { Registry, WriteRequest } from '../../src/core/registry.ts';
import { zookeeperRegistry } from '../../src/registries/zookeeper/registry.ts';
import { listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { DubboPeer, whyNoDubbo } from '../support/dubbo-peer.ts';
import { describeUnless, programPath } from '../support/servers.ts';
import { freePorts, ZOOKEEPER_PROGRAM, ZookeeperServer } from '../support/zookeeper-server.ts';

const NEVER = new AbortController().signal;
const LONG = { timeout: 600_000 };
const SOON = { timeout: 90_000, interval: 200 };
const since = '2026-01-01T00:00:00.000Z';
const DEAD = { kind: 'health', health: 'dead', reason: 'connect-refused', since } as const;
const SUB = { kind: 'health', health: 'sub-healthy', reason: 'slow', since } as const;
const HEALTHY = { kind: 'health', health: 'healthy', reason: 'recovered', since } as const;
const RELEASE = { kind: 'release' } as const;

const why = programPath(ZOOKEEPER_PROGRAM) === undefined ? 'no ZooKeeper' : whyNoDubbo();

/** Of 200 calls: as many as the other's, or 30 of 130, more or less. */
const HALF = { least: 70, most: 130 };
const LITTLE = { least: 15, most: 80 };
const NONE = { least: 0, most: 0 };

async function share(consumer: DubboPeer, provider: string, { least, most }: typeof HALF): Promise<void> {
  const from = consumer.rounds;
  await expect
    .poll(() => {
      const { [provider]: count = 0, error = 0 } = consumer.answers;
      return consumer.rounds > from + 1 && error === 0 && count >= least && count <= most
        ? 'as meant'
        : consumer.answers;
    }, SOON)
    .toBe('as meant');
}

async function write(registry: Registry, asked: WriteRequest): Promise<void> {
  expect(await registry.write?.([asked], NEVER)).toMatchObject([{ kind: 'written' }]);
}

async function instanceAt(registry: Registry, service: string, port: number): Promise<Instance> {
  const entry = [...((await listOnce(registry)).get(service)?.values() ?? [])].find(
    (one) => one.port === port,
  );
  return listed(registry, service, entry?.key ?? '');
}

describeUnless('dubbo', why, 'Dubbo 3.3', () => {
  it('sees dead and sub-healthy providers as such, by interface and by application', LONG, async () => {
    await using scope = new AsyncDisposableStack();
    const server = await ZookeeperServer.start(scope, { tick: 2_000 });
    const { address } = server;
    const [a = 0, b = 0] = await freePorts(2);
    await Promise.all([a, b].map((port) => DubboPeer.provider(scope, address, port, 'all')));
    const consumers = await Promise.all(
      (['FORCE_INTERFACE', 'FORCE_APPLICATION'] as const).map((step) =>
        DubboPeer.consumer(scope, address, step),
      ),
    );
    const all = (expected: typeof HALF) =>
      Promise.all(consumers.map((consumer) => share(consumer, `p${a}`, expected)));
    const registry = make(zookeeperRegistry, { servers: [address] }, scope);
    const service = 'g/sonde.Greeting:1.0.0';
    const target = await instanceAt(registry, service, a);
    expect(target).toMatchObject({ port: a, enabled: true, weight: 100, metadata: { application: 'shop' } });
    await all(HALF);
    await write(registry, request(target, DEAD));
    await all(NONE);
    await write(registry, request(target, SUB));
    await all(LITTLE);
    await write(registry, request(target, HEALTHY));
    await all(HALF);
    await write(registry, request(target, DEAD));
    await all(NONE);
    await write(registry, request(target, HEALTHY));
    await all(HALF);
    await write(registry, request(target, DEAD));
    await all(NONE);
    // Providers do not apply it to themselves: they stand there as before.
    expect(await instanceAt(registry, service, a)).toMatchObject({ id: target.id, enabled: true });
    await write(registry, request(target, RELEASE));
    await all(HALF);
    const peer = await server.session(scope);
    expect(await peer.children('/dubbo/sonde.Greeting/configurators')).toEqual([]);
    expect(await peer.children('/dubbo/config/dubbo')).toEqual([]);
  });

  it('sees those that register by application alone', LONG, async () => {
    await using scope = new AsyncDisposableStack();
    const { address } = await ZookeeperServer.start(scope, { tick: 2_000 });
    const [a = 0, b = 0] = await freePorts(2);
    await Promise.all([a, b].map((port) => DubboPeer.provider(scope, address, port, 'instance')));
    const consumer = await DubboPeer.consumer(scope, address, 'FORCE_APPLICATION');
    const registry = make(zookeeperRegistry, { servers: [address], layout: 'dubbo-applications' }, scope);
    const target = await instanceAt(registry, 'shop', a);
    expect(target).toMatchObject({ port: a, enabled: true });
    await share(consumer, `p${a}`, HALF);
    await write(registry, request(target, DEAD));
    await share(consumer, `p${a}`, NONE);
    await write(registry, request(target, SUB));
    await share(consumer, `p${a}`, LITTLE);
    await write(registry, request(target, DEAD));
    await share(consumer, `p${a}`, NONE);
    await write(registry, request(target, RELEASE));
    await share(consumer, `p${a}`, HALF);
  });
});
