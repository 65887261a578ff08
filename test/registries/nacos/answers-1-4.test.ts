import { describe, expect, it } from 'vitest';
import { nacosRegistry } from '../../../src/registries/nacos/registry.ts';
import {
  describeRegistry,
  Follower,
  listed,
  listOnce,
  make,
  request,
} from '../../contracts/registry.contract.ts';
import { Nacos14 } from '../../support/nacos-1-4.ts';

const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const KEY = '10.0.0.1:80';
const NEVER = new AbortController().signal;

for (const kind of ['ephemeral', 'persistent'] as const)
  describeRegistry({
    name: `the documented answers of nacos 1.4, ${kind}`,
    plugin: nacosRegistry,
    start: (scope) => Nacos14.start(scope, kind === 'ephemeral'),
    timeout: 60_000,
    skip: [{ reason: 'Nacos does not tell two lives at an address apart', tests: ['new-life'] }],
  });

describe('Nacos 1.4, by its documented answers', () => {
  it('lists pages that are counted from 0, each service once', async () => {
    await using scope = new AsyncDisposableStack();
    const nacos = await Nacos14.start(scope);
    for (let n = 0; n < 450; n++) await nacos.put(`s${n}`, KEY);
    const registry = make(nacosRegistry, nacos.options, scope);
    expect((await listOnce(registry)).size).toBe(450);
  });

  it('writes health by the call made for it, where the cluster is not checked by Nacos', async () => {
    await using scope = new AsyncDisposableStack();
    const nacos = await Nacos14.start(scope, false);
    await nacos.put('web', KEY);
    const registry = make(nacosRegistry, nacos.options, scope);
    const one = async () =>
      (await registry.write?.([request(await listed(registry, 'web', KEY), DEAD)], NEVER))?.[0]?.kind;
    nacos.setChecker('web', 'TCP');
    expect(await one()).toBe('refused');
    expect(nacos.seen('web', KEY)).toMatchObject({ healthy: true, metadata: {} });
    nacos.setChecker('web', 'NONE');
    expect(await one()).toBe('written');
    expect(nacos.seen('web', KEY)).toMatchObject({ healthy: false, enabled: true });
    expect(nacos.calls).toContain('PUT /v1/ns/health/instance');
    expect(nacos.calls).not.toContain('POST /v1/ns/instance');
    expect((await listed(registry, 'web', KEY)).served).toBe('healthy, by protection');
  });
});

describe('logins to Nacos', () => {
  it('are made once for many calls, anew when the token is refused, and before it ends', async () => {
    await using scope = new AsyncDisposableStack();
    const nacos = await Nacos14.start(scope);
    for (let n = 0; n < 450; n++) await nacos.put(`s${n}`, KEY);
    const user = { username: 'sonde', password: 'right', insecure: true };
    nacos.token = 'of somebody else';
    nacos.tokenTtl = 3;
    const registry = make(nacosRegistry, { ...nacos.options, ...user }, scope);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.size === 450);
    expect(nacos.logins).toBe(1);
    // As if it had ended early: the next call is refused once, and goes on with a new one.
    nacos.token = 'another';
    await expect.poll(() => nacos.logins, { timeout: 5_000 }).toBe(2);
    const seen = follower.confirmations;
    // 80 % of three seconds later there is another one, though nobody refused the one before.
    await expect.poll(() => nacos.logins, { timeout: 5_000 }).toBe(3);
    expect(follower.confirmations).toBeGreaterThan(seen);
    expect(follower.error).toBeUndefined();
  });

  it('that are wrong are unauthorised, and not a smaller registry', async () => {
    await using scope = new AsyncDisposableStack();
    const nacos = await Nacos14.start(scope);
    await nacos.put('web', KEY);
    nacos.token = 'of somebody else';
    const wrong = { username: 'sonde', password: 'wrong', insecure: true };
    const registry = make(nacosRegistry, { ...nacos.options, ...wrong }, scope);
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unauthorised' });
    await expect(listOnce(make(nacosRegistry, nacos.options, scope))).rejects.toMatchObject({
      code: 'unauthorised',
    });
  });
});
