/** What only Nacos has, against a real one: kinds of instances, checkers, protection, and values put over others. */

import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/core/instance.ts';
import { type Registry, RegistryError, type WriteRequest } from '../../src/core/registry.ts';
import { nacosRegistry } from '../../src/registries/nacos/registry.ts';
import { Follower, instanceOf, listOnce, make, request } from '../contracts/registry.contract.ts';
import { NacosHarness } from './nacos-harness.ts';
import type { NacosServer } from './nacos-server.ts';

const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const SUB = { ...DEAD, health: 'sub-healthy', reason: 'slow' } as const;
const HEALTHY = { ...DEAD, health: 'healthy', reason: 'recovered' } as const;
const RELEASE = { kind: 'release' } as const;
const NEVER = new AbortController().signal;
const KEY = '10.0.0.1:80';
/** In another cluster: of one address Nacos 2 and 3 keep the cluster that registered last. */
const OTHER = 'C1/10.0.0.2:80';
const TIMEOUT = 60_000;

/** A namespace of its own with a registry on it. */
interface World extends AsyncDisposable {
  readonly nacos: NacosHarness;
  readonly registry: Registry;
  again(options?: object): Registry;
  write(desired: WriteRequest['desired'], options?: { service?: string; key?: string }): Promise<string>;
  entry(service?: string, key?: string): Promise<Entry | undefined>;
}

async function world(server: NacosServer, kind: 'ephemeral' | 'persistent', options = {}): Promise<World> {
  const scope = new AsyncDisposableStack();
  const nacos = await NacosHarness.on(server, kind === 'ephemeral');
  const again = (more = {}): Registry =>
    make(nacosRegistry, { ...nacos.options, ...options, ...more }, scope);
  const registry = again();
  const entry = async (service = 'web', key = KEY): Promise<Entry | undefined> =>
    [...((await listOnce(registry)).get(service)?.values() ?? [])].find((one) => one.key === key);
  return {
    nacos,
    registry,
    again,
    entry,
    async write(desired, { service = 'web', key = KEY } = {}) {
      const found = await entry(service, key);
      if (found === undefined) throw new Error(`${service} ${key} is not listed`);
      const [receipt] = (await registry.write?.([request(instanceOf(service, found), desired)], NEVER)) ?? [];
      return receipt?.detail === undefined ? String(receipt?.kind) : `${receipt.kind}: ${receipt.detail}`;
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}

export function describeNacosBehaviour(release: string, servers: () => NacosServer): void {
  describe(`ephemeral instances of Nacos ${release}`, () => {
    it(
      'are written by weight and enabled, and get back what their provider registered',
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const { nacos, write } = on;
        await nacos.put('web', KEY, { weight: 5, metadata: { a: 'b' } });
        expect(await write(SUB)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({
          weight: 1.5,
          enabled: true,
          metadata: { a: 'b' },
        });
        expect(await write(DEAD)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({
          weight: 5,
          enabled: false,
          metadata: { a: 'b' },
        });
        expect(await on.entry()).toMatchObject({ enabled: true, weight: 5, mark: { health: 'dead' } });
        expect(await write(HEALTHY)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({ weight: 5, enabled: true });
        expect(await write(SUB)).toBe('written');
        expect(await write(RELEASE)).toBe('written');
        const { weight, enabled, metadata } = (await nacos.seen('web', KEY)) ?? {};
        expect({ weight, enabled, metadata }).toEqual({ weight: 5, enabled: true, metadata: { a: 'b' } });
      },
      TIMEOUT,
    );

    it(
      "keep an operator's offline whatever is written, and his metadata",
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const { nacos, write } = on;
        await nacos.put('web', KEY, { weight: 2 });
        await nacos.setValues('web', KEY, { weight: 2, enabled: false });
        await nacos.setMetadata('web', KEY, { note: 'repair' });
        await nacos.until('web', KEY, (host) => host?.enabled === false && host.metadata.note === 'repair');
        expect(await on.entry()).toMatchObject({ enabled: false });
        for (const desired of [DEAD, HEALTHY, SUB, RELEASE]) {
          expect(await write(desired)).toBe('written');
          expect(await nacos.seen('web', KEY)).toMatchObject({
            enabled: false,
            metadata: { note: 'repair' },
          });
          expect(await on.entry()).toMatchObject({ enabled: false });
        }
      },
      TIMEOUT,
    );

    it(
      'are contested when somebody takes back what was written',
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const { nacos, write } = on;
        await nacos.put('web', KEY);
        await write(DEAD);
        await nacos.setValues('web', KEY, { weight: 1, enabled: true });
        await nacos.until('web', KEY, (host) => host?.enabled === true);
        expect(await on.entry()).toMatchObject({ enabled: true, mark: { intact: false } });
        expect(await write(SUB)).toMatch(/^contested/);
        expect(await write(RELEASE)).toMatch(/^contested/);
        expect(await nacos.seen('web', KEY)).toMatchObject({ enabled: true, weight: 1 });
      },
      TIMEOUT,
    );

    it(
      'cost no write while they are healthy as they registered',
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const { nacos, write } = on;
        await nacos.put('web', KEY, { weight: 3 });
        const bytes = await nacos.bytes();
        expect(await write(HEALTHY)).toBe('unchanged');
        expect((await on.entry())?.mark).toMatchObject({ health: 'healthy', intact: true });
        expect(await write(RELEASE)).toBe('unchanged');
        expect((await on.entry())?.mark).toBeUndefined();
        expect(await nacos.bytes()).toBe(bytes);
      },
      TIMEOUT,
    );

    it(
      'are told of all groups and clusters, and written each for itself',
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const { nacos } = on;
        await nacos.put('web', KEY);
        await nacos.put('web', OTHER);
        await nacos.put('G2@@web', KEY);
        const services = await listOnce(on.registry);
        expect([...services.keys()].sort()).toEqual(['G2@@web', 'web']);
        expect([...(services.get('web')?.values() ?? [])].map((one) => one.key).sort()).toEqual([KEY, OTHER]);
        expect(await on.write(DEAD, { key: OTHER })).toBe('written');
        expect(await on.write(DEAD, { service: 'G2@@web' })).toBe('written');
        expect((await nacos.seen('web', KEY))?.enabled).toBe(true);
        expect((await nacos.seen('web', OTHER))?.enabled).toBe(false);
        expect((await nacos.seen('G2@@web', KEY))?.enabled).toBe(false);
        const less = on.again({ groups: ['*', '!G2'], clusters: ['DEFAULT'] });
        const few = await listOnce(less);
        expect([...few].map(([name, entries]) => [name, [...entries.keys()]])).toEqual([['web', [KEY]]]);
      },
      TIMEOUT,
    );

    it(
      'go on from an announcement that was never carried out',
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const { nacos } = on;
        await nacos.put('web', KEY, { weight: 10 });
        const found = await on.entry();
        if (found === undefined) throw new Error('not listed');
        const stop = new AbortController();
        const writing = on.registry.write?.([request(instanceOf('web', found), DEAD)], stop.signal);
        await nacos.until('web', KEY, (host) => host?.metadata.sonde?.includes('pending') === true);
        stop.abort(new Error('killed'));
        await expect(writing).rejects.toThrow('killed');
        const { enabled } = (await nacos.seen('web', KEY)) ?? {};
        // Killed before or after the values: the mark says which, and never that somebody else did it.
        expect((await on.entry())?.mark).toMatchObject({
          health: enabled ? 'healthy' : 'dead',
          intact: true,
        });
        expect(await on.write(SUB)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({ weight: 3, enabled: true });
        expect(await on.write(RELEASE)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({ weight: 10, enabled: true, metadata: {} });
      },
      TIMEOUT,
    );
  });

  describe(`persistent instances of Nacos ${release}`, () => {
    it(
      'are written by their health, and by it alone',
      async () => {
        await using on = await world(servers(), 'persistent');
        const { nacos, write } = on;
        await nacos.put('web', KEY, { weight: 5, metadata: { a: 'b' } });
        expect(await write(DEAD)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({
          healthy: false,
          enabled: true,
          weight: 5,
          metadata: { a: 'b' },
        });
        expect(await write(SUB)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({ healthy: true, weight: 1.5 });
        expect(await write(DEAD)).toBe('written');
        expect(await write(RELEASE)).toBe('written');
        const { weight, enabled, healthy, metadata } = (await nacos.seen('web', KEY)) ?? {};
        expect({ weight, enabled, healthy, metadata }).toEqual({
          weight: 5,
          enabled: true,
          healthy: true,
          metadata: { a: 'b' },
        });
      },
      TIMEOUT,
    );

    it(
      'are written again when their provider registers again',
      async () => {
        await using on = await world(servers(), 'persistent');
        const { nacos, write } = on;
        await nacos.put('web', KEY);
        await write(DEAD);
        await nacos.register('web', KEY, { healthy: true, metadata: JSON.stringify({ v: '2' }) });
        await nacos.until('web', KEY, (host) => host?.metadata.v === '2' && host.healthy);
        expect((await on.entry())?.mark).toBeUndefined();
        expect(await write(DEAD)).toBe('written');
        expect(await nacos.seen('web', KEY)).toMatchObject({ healthy: false, metadata: { v: '2' } });
      },
      TIMEOUT,
    );

    it(
      'are left to the checker of Nacos, unless it may be switched off; it comes back with the release',
      async () => {
        await using on = await world(servers(), 'persistent');
        const { nacos } = on;
        await nacos.put('web', KEY);
        await nacos.setChecker('web', 'TCP');
        expect(await on.write(DEAD)).toMatch(/^refused: Nacos checks the cluster DEFAULT itself \(TCP\)/);
        expect((await nacos.seen('web', KEY))?.metadata.sonde).toBeUndefined();
        await using off = await world(servers(), 'persistent', { checker: 'none' });
        await off.nacos.put('web', KEY);
        await off.nacos.setChecker('web', 'TCP');
        expect(await off.write(DEAD)).toBe('written');
        expect(await off.nacos.checkerType('web')).toBe('NONE');
        expect((await off.nacos.seen('web', KEY))?.healthy).toBe(false);
        expect(await off.write(RELEASE)).toBe('written');
        await expect.poll(() => off.nacos.checkerType('web')).toBe('TCP');
      },
      TIMEOUT,
    );

    it(
      'can be disabled instead',
      async () => {
        await using on = await world(servers(), 'persistent', { persistentDead: 'disabled' });
        await on.nacos.put('web', KEY);
        expect(await on.write(DEAD)).toBe('written');
        expect(await on.nacos.seen('web', KEY)).toMatchObject({ enabled: false });
        expect(await on.write(RELEASE)).toBe('written');
        expect(await on.nacos.seen('web', KEY)).toMatchObject({ enabled: true });
      },
      TIMEOUT,
    );

    it(
      'are not brought back by a write that meets their leaving',
      async () => {
        await using on = await world(servers(), 'persistent');
        const { nacos } = on;
        for (const wait of [0, 100, 300]) {
          await nacos.put('web', KEY);
          const found = await on.entry();
          if (found === undefined) throw new Error('not listed');
          const writing = on.registry.write?.([request(instanceOf('web', found), DEAD)], NEVER);
          await new Promise((resolve) => setTimeout(resolve, wait));
          await nacos.deregister('web', KEY);
          expect(await writing).toMatchObject([{ kind: 'gone' }]);
          await nacos.until('web', KEY, (host) => host === undefined);
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          expect(await nacos.seen('web', KEY)).toBeUndefined();
        }
      },
      TIMEOUT,
    );

    it(
      'are told as what consumers get of them when protection sets in',
      async () => {
        await using on = await world(servers(), 'persistent');
        await on.nacos.put('web', KEY);
        await on.nacos.put('web', '10.0.0.2:80');
        await on.write(DEAD);
        await expect.poll(async () => (await on.entry())?.served, { timeout: 5_000 }).toBe('unhealthy');
        await on.write(DEAD, { key: '10.0.0.2:80' });
        await expect
          .poll(async () => (await on.entry())?.served, { timeout: 5_000 })
          .toBe('healthy, by protection');
        expect((await on.entry())?.mark?.health).toBe('dead');
      },
      TIMEOUT,
    );

    const works = release === '3.1.0 with the health fix';
    it(
      works
        ? 'are written by the health call alone where it works'
        : 'are refused where registering again is forbidden and the health call is broken',
      async () => {
        await using on = await world(servers(), 'persistent', { reregister: false });
        await on.nacos.put('web', KEY);
        expect(await on.write(DEAD)).toMatch(
          works ? /^written$/ : /^refused: the health call of this release/,
        );
        await on.nacos.until('web', KEY, (host) => (host?.metadata.sonde !== undefined) === works);
        expect(await on.nacos.seen('web', KEY)).toMatchObject({ healthy: !works });
      },
      TIMEOUT,
    );
  });

  describe(`Nacos ${release} in trouble`, () => {
    it(
      'is never a smaller registry: slow, cut off, with a namespace that is not there',
      async () => {
        await using on = await world(servers(), 'ephemeral', { timeout: '1s' });
        const server = servers();
        await on.nacos.put('web', KEY, { metadata: { long: 'x'.repeat(500) } });
        server.delay(1_500);
        await expect(listOnce(on.registry)).rejects.toMatchObject({ code: 'unreachable' });
        server.delay(0);
        for (const bytes of [0, 100, 700]) {
          server.cutAfter(bytes);
          await server.outage();
          await server.recover();
          await expect(listOnce(on.registry)).rejects.toBeInstanceOf(RegistryError);
        }
        server.cutAfter(undefined);
        await server.outage();
        await server.recover();
        expect((await listOnce(on.registry)).get('web')?.size).toBe(1);
        const typo = on.again({ namespaces: ['no-such-namespace'] });
        await expect(listOnce(typo)).rejects.toThrow('there is no namespace with the id no-such-namespace');
        const wrong = on.again({ servers: [`${server.url}/wrong`] });
        await expect(listOnce(wrong)).rejects.toMatchObject({ code: 'unsupported' });
        const next = on.again({ servers: ['http://127.0.0.1:1', server.url] });
        expect((await listOnce(next)).get('web')?.size).toBe(1);
      },
      TIMEOUT,
    );

    it(
      'is waited for when it was started again and does not know its ephemeral instances yet',
      async () => {
        await using on = await world(servers(), 'ephemeral');
        const registry = on.again({ restartGrace: '6s' });
        await on.nacos.put('web', KEY);
        const before = new Follower(registry);
        await before.until((services) => services.get('web')?.size === 1);
        await servers().outage();
        await expect.poll(() => before.error, { timeout: 10_000 }).toBeInstanceOf(RegistryError);
        // As after a restart: it is not there any more.
        await on.nacos.deregister('web', KEY);
        await on.nacos.until('web', KEY, (host) => host === undefined);
        await servers().recover();
        const after = new Follower(registry);
        await after.until(() => after.confirmations > 3);
        expect(after.services.get('web')?.size).toBe(1);
        await after.until((services) => (services.get('web')?.size ?? 0) === 0);
        await after.stop();
      },
      TIMEOUT,
    );
  });
}
