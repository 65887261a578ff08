import { expect, it } from 'vitest';
import type { Receipt, Registry } from '../../src/core/registry.ts';
import { eurekaRegistry } from '../../src/registries/eureka/registry.ts';
import { Follower, listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { EurekaServer, whyNoEureka } from '../support/eureka-server.ts';
import { serve } from '../support/json-server.ts';
import { describeUnless } from '../support/servers.ts';

const NEVER = new AbortController().signal;
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const SUB = { ...DEAD, health: 'sub-healthy', reason: 'slow' } as const;
const HEALTHY = { ...DEAD, health: 'healthy', reason: 'recovered' } as const;
const RELEASE = { kind: 'release' } as const;

const ID = '10.0.0.1:80';
const PROVIDER = { host: '10.0.0.1', port: 80, metadata: { zone: 'a' } };

describeUnless('eureka', whyNoEureka(), "Eureka's overrides", () => {
  it('leave a provider what it registers meanwhile, after its next renewal at the latest', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EurekaServer.start(scope);
    const registry = on(server, scope);
    const write = writer(registry);
    await server.register('web', ID, PROVIDER);
    for (let n = 1; n <= 40; n++) {
      const changedAt = Date.now() + n;
      const provider = { ...PROVIDER, metadata: { n: String(n) }, changedAt };
      await Promise.all([server.register('web', ID, provider), write(n % 2 === 0 ? DEAD : SUB)]);
      // As every client does: who is not known as it is registers again.
      if (!(await server.renew('web', ID, changedAt))) await server.register('web', ID, provider);
      expect((await listed(registry, 'web', ID)).metadata).toMatchObject({ n: String(n) });
    }
  });

  it('are ours from the write to the recovery, whatever happens between', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EurekaServer.start(scope);
    const registry = on(server, scope);
    const status = async (): Promise<string> => {
      const told = await server.instance('web', ID);
      return `${told?.status} ${told?.overriddenStatus}`;
    };
    const write = writer(registry);
    await server.register('web', ID, PROVIDER);

    // Consumers see a dead one no more, and a sub-healthy one as before.
    expect(await write(SUB)).toBe('written');
    expect(await status()).toBe('UP UNKNOWN');
    expect(await write(DEAD)).toBe('written');
    expect(await status()).toBe('OUT_OF_SERVICE OUT_OF_SERVICE');
    expect(await listed(registry, 'web', ID)).toMatchObject({
      enabled: true,
      mark: { health: 'dead', intact: true },
    });
    expect(await write(HEALTHY)).toBe('written');
    expect(await status()).toBe('UP UNKNOWN');

    // The provider comes back and registers again: the mark is wiped out, the override is still there, and ours.
    await write(DEAD);
    await server.register('web', ID, PROVIDER);
    expect(await status()).toBe('OUT_OF_SERVICE OUT_OF_SERVICE');
    const again = await listed(registry, 'web', ID);
    expect(again).toMatchObject({ enabled: true });
    expect(again.mark).toBeUndefined();
    expect(await write(HEALTHY)).toBe('written');
    expect(await status()).toBe('UP UNKNOWN');

    // Its own health check says DOWN meanwhile: that is what is put back.
    await write(DEAD);
    await server.register('web', ID, { ...PROVIDER, status: 'DOWN' });
    expect(await write(HEALTHY)).toBe('written');
    expect(await status()).toBe('DOWN UNKNOWN');
    expect((await listed(registry, 'web', ID)).enabled).toBe(false);
  }, 120_000);

  it('of an operator are never undone, and his will about ours goes before our own', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EurekaServer.start(scope);
    const registry = on(server, scope);
    const status = async (): Promise<string | undefined> => (await server.instance('web', ID))?.status;
    const write = writer(registry);
    await server.register('web', ID, PROVIDER);

    // His own, before we came.
    await server.override('web', ID, 'OUT_OF_SERVICE');
    expect((await listed(registry, 'web', ID)).enabled).toBe(false);
    expect(await write(DEAD)).toBe('written');
    expect(await write(DEAD)).toBe('unchanged');
    expect(await write(HEALTHY)).toBe('written');
    expect(await status()).toBe('OUT_OF_SERVICE');
    expect(await write(RELEASE)).toBe('written');
    expect(await status()).toBe('OUT_OF_SERVICE');

    // He lifts it while we hold the instance for dead: now there is something to do.
    await write(DEAD);
    await server.liftOverride('web', ID, 'UP');
    expect((await listed(registry, 'web', ID)).mark).toBeUndefined();
    expect(await write(DEAD)).toBe('written');
    expect(await status()).toBe('OUT_OF_SERVICE');

    // He lifts ours: we stop, until he says otherwise.
    await server.liftOverride('web', ID, 'UP');
    expect((await listed(registry, 'web', ID)).mark).toMatchObject({ health: 'dead', intact: false });
    expect(await write(DEAD)).toBe('contested');
    expect(await write(RELEASE)).toBe('contested');
    expect(await status()).toBe('UP');
    expect(await write(DEAD, true)).toBe('written');
    expect(await status()).toBe('OUT_OF_SERVICE');

    // After our restart there is no mark to tell whose an override is: it is left alone, but for his word.
    await server.register('web', ID, PROVIDER);
    const later = on(server, scope);
    const writeLater = writer(later);
    expect((await listed(later, 'web', ID)).enabled).toBe(false);
    expect(await writeLater(HEALTHY)).toBe('written');
    expect(await status()).toBe('OUT_OF_SERVICE');
    await server.register('web', ID, PROVIDER);
    expect(await writeLater(HEALTHY, true)).toBe('written');
    expect(await status()).toBe('UP');
  }, 120_000);

  it('are renewed before the server forgets them, and lifted even when it has', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EurekaServer.start(scope);
    const registry = on(server, scope, { renew: '1s' });
    expect(registry.renewEvery).toBe(1_000);
    const write = writer(registry);
    await server.register('web', ID, PROVIDER);
    await write(DEAD);
    const written = await server.instance('web', ID);
    expect(await write(DEAD)).toBe('unchanged');
    expect(await server.instance('web', ID)).toEqual(written);

    // The hour is over: a renewal makes the server remember again.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await server.forgetOverride(ID)).toBe('OUT_OF_SERVICE');
    expect(await write(DEAD)).toBe('unchanged');
    const renewed = await server.instance('web', ID);
    expect(renewed?.metadata).toEqual(written?.metadata);
    expect(await server.forgetOverride(ID)).toBe('OUT_OF_SERVICE');

    // And when nobody renewed: the server would say that it lifted it, and would not.
    await server.liftOverride('web', ID, 'UP');
    expect((await server.instance('web', ID))?.status).toBe('OUT_OF_SERVICE');
    expect(await write(HEALTHY)).toBe('written');
    expect(await server.instance('web', ID)).toMatchObject({ status: 'UP', overriddenStatus: 'UNKNOWN' });

    // The provider registered again after the server had forgotten.
    await write(DEAD);
    await server.forgetOverride(ID);
    await server.register('web', ID, PROVIDER);
    expect(await server.instance('web', ID)).toMatchObject({
      status: 'OUT_OF_SERVICE',
      overriddenStatus: 'UNKNOWN',
    });
    expect(await write(HEALTHY)).toBe('written');
    expect(await server.instance('web', ID)).toMatchObject({ status: 'UP', overriddenStatus: 'UNKNOWN' });
  }, 120_000);
});

describeUnless('eureka', whyNoEureka(), 'Eureka in trouble', () => {
  it('started anew without what it knew loses nobody, until the time for registering again is over', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EurekaServer.start(scope);
    for (const last of [1, 2, 3])
      await server.register('web', `10.0.0.${last}:80`, { ...PROVIDER, host: `10.0.0.${last}` });
    const registry = on(server, scope, { restartGrace: '6s' });
    const first = new Follower(registry);
    scope.defer(() => first.stop());
    await first.until((services) => services.get('web')?.size === 3);
    await server.kill();
    await expect.poll(() => first.error, { timeout: 10_000 }).toMatchObject({ code: 'unreachable' });
    await server.start();
    await server.register('web', ID, PROVIDER);
    const again = new Follower(registry);
    scope.defer(() => again.stop());
    await expect.poll(() => again.confirmations, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(again.services.get('web')?.size).toBe(3);
    // Who says that he leaves is believed at once.
    await server.register('web', '10.0.0.2:80', { ...PROVIDER, host: '10.0.0.2' });
    await again.until((services) => services.get('web')?.size === 3);
    await server.cancel('web', '10.0.0.2:80');
    await again.until((services) => services.get('web')?.has('10.0.0.2:80') === false);
    await again.until((services) => services.get('web')?.size === 1);
  }, 120_000);

  it('says that it preserves what does not renew, and nothing where it does not', async () => {
    await using scope = new AsyncDisposableStack();
    const noticesOf = async (server: EurekaServer): Promise<readonly string[] | undefined> => {
      await server.register('web', ID, PROVIDER);
      for await (const snapshot of on(server, scope).snapshots(NEVER))
        if (snapshot.kind === 'synced') return snapshot.notices;
      return undefined;
    };
    // Nobody has renewed anything yet, which is less than it expects.
    expect(await noticesOf(await EurekaServer.start(scope))).toEqual([
      'self-preservation: too few instances renew their leases, so the server removes none of them',
    ]);
    const bold = await EurekaServer.start(scope, '--eureka.server.enable-self-preservation=false');
    expect(await noticesOf(bold)).toEqual([]);
  }, 120_000);

  it('is asked for another of its servers when one fails, and tells of wrong answers what they are', async () => {
    await using scope = new AsyncDisposableStack();
    const server = await EurekaServer.start(scope);
    await server.register('web', ID, PROVIDER);
    const two = on(server, scope, { urls: ['http://127.0.0.1:9/eureka', server.url] });
    expect((await listOnce(two)).get('web')?.size).toBe(1);
    const answers: Record<string, readonly [number, string]> = {
      unauthorised: [401, ''],
      forbidden: [403, ''],
      overloaded: [503, ''],
      unreachable: [500, ''],
      protocol: [200, '{"applications":'],
    };
    for (const [code, [status, text]] of Object.entries(answers)) {
      const fake = await serve(scope, () => ({ status, body: text }));
      const registry = make(eurekaRegistry, { urls: [`${fake}/eureka`], timeout: '1s' }, scope);
      await expect(listOnce(registry), code).rejects.toMatchObject({ code });
    }
  }, 120_000);
});

function on(server: EurekaServer, scope: AsyncDisposableStack, options: object = {}): Registry {
  return make(eurekaRegistry, { urls: [server.url], timeout: '3s', poll: '300ms', ...options }, scope);
}

/** Writes what is desired for the one instance, from a fresh listing. */
function writer(registry: Registry) {
  return async (desired: typeof DEAD | typeof SUB | typeof HEALTHY | typeof RELEASE, force = false) => {
    const instance = await listed(registry, 'web', ID);
    const receipts: readonly Receipt[] =
      (await registry.write?.([{ ...request(instance, desired), force }], NEVER)) ?? [];
    return receipts[0]?.kind;
  };
}
