import { expect, it } from 'vitest';
import { RegistryError } from '../../../src/core/registry.ts';
import { nacosRegistry } from '../../../src/registries/nacos/registry.ts';
import { Follower, listed, listOnce, make, request } from '../../contracts/registry.contract.ts';
import { NacosHarness } from '../../support/nacos-harness.ts';
import { describeWithNacos, NacosServer } from '../../support/nacos-server.ts';

const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const KEY = '10.0.0.1:80';

describeWithNacos('3.1.0', 'Nacos 3.1.0, killed and started again', () => {
  it('keeps persistent instances and marks, and is not believed that its ephemeral ones are gone', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await NacosServer.start(scope, '3.1.0');
    const lasting = await NacosHarness.on(server, false);
    const passing = await NacosHarness.on(server, true);
    await lasting.put('db', KEY, { weight: 5 });
    await passing.put('web', KEY);
    const namespaces = [
      { id: lasting.namespace, name: 'lasting' },
      { id: passing.namespace, name: 'default' },
    ];
    const options = { servers: [server.url], namespaces, poll: '300ms', restartGrace: '20s', timeout: '2s' };
    const registry = make(nacosRegistry, options, scope);
    const own = make(
      nacosRegistry,
      { ...options, namespaces: [{ id: lasting.namespace, name: 'default' }] },
      scope,
    );
    const never = new AbortController().signal;
    const wrote = await own.write?.([request(await listed(own, 'db', KEY), DEAD)], never);
    expect(wrote).toMatchObject([{ kind: 'written' }]);
    const before = new Follower(registry);
    await before.until((services) => services.size === 2);
    await server.kill();
    await expect.poll(() => before.error, { timeout: 15_000 }).toBeInstanceOf(RegistryError);
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unreachable' });
    await server.start();
    await expect.poll(() => lasting.seen('db', KEY), { timeout: 15_000 }).toBeDefined();
    expect(await passing.seen('web', KEY)).toBeUndefined();
    const after = new Follower(registry);
    await after.until(() => after.confirmations > 5);
    expect(after.services.get('web')?.size).toBe(1);
    expect(after.services.get('db')?.get(KEY)).toMatchObject({
      mark: { health: 'dead', intact: true },
      weight: 5,
    });
    // Its provider comes back, and stays when the waiting is over.
    await passing.put('web', KEY);
    await new Promise((resolve) => setTimeout(resolve, 21_000));
    expect(after.services.get('web')?.size).toBe(1);
    expect(after.error).toBeUndefined();
    await after.stop();
  }, 240_000);
});
