import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RegistryError } from '../../../src/core/registry.ts';
import { nacosRegistry } from '../../../src/registries/nacos/registry.ts';
import { Follower, instanceOf, listOnce, make, request } from '../../contracts/registry.contract.ts';
import { NacosHarness } from '../../support/nacos-harness.ts';
import {
  ADMIN,
  describeWithNacos,
  IDENTITY,
  type NacosRelease,
  NacosServer,
} from '../../support/nacos-server.ts';

const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const KEY = '10.0.0.1:80';

for (const release of ['2.5.0', '3.1.0'] satisfies readonly NacosRelease[])
  describeWithNacos(release, `Nacos ${release} with logins`, () => {
    const scope = new AsyncDisposableStack();
    let nacos: NacosHarness;
    beforeAll(async () => {
      const server = await NacosServer.start(scope, release, { logins: true });
      await server.createAdmin();
      nacos = await NacosHarness.on(server, true);
      await nacos.put('web', KEY);
    }, 180_000);
    afterAll(() => scope.disposeAsync());

    const registry = (options: object) => make(nacosRegistry, { ...nacos.options, ...options }, scope);
    const codeOf = async (options: object): Promise<string> => {
      const failure: unknown = await listOnce(registry(options)).catch((error: unknown) => error);
      return failure instanceof RegistryError ? failure.code : 'none';
    };

    it('lists and writes as a user', async () => {
      const admin = registry({ ...ADMIN, insecure: true });
      const entry = (await listOnce(admin)).get('web')?.get(KEY);
      if (entry === undefined) throw new Error('not listed');
      const [receipt] =
        (await admin.write?.([request(instanceOf('web', entry), DEAD)], new AbortController().signal)) ?? [];
      expect(receipt?.kind).toBe('written');
      expect((await listOnce(admin)).get('web')?.get(KEY)?.mark).toMatchObject({ health: 'dead' });
    });

    it('lists by the header of servers', async () => {
      expect((await listOnce(registry({ identity: IDENTITY, insecure: true }))).get('web')?.size).toBe(1);
    });

    it('says what is wrong with who we are, and lists nothing then', async () => {
      expect(await codeOf({})).toBe('unauthorised');
      expect(await codeOf({ ...ADMIN, password: 'wrong', insecure: true })).toBe('unauthorised');
      expect(await codeOf({ identity: { ...IDENTITY, value: 'wrong' }, insecure: true })).toBe('forbidden');
    });

    it('fails when a permission is lost, with what was told kept', async () => {
      const user = await nacos.server.createUser('reader', nacos.namespace);
      const follower = new Follower(registry({ ...user, insecure: true }));
      scope.defer(() => follower.stop());
      await follower.until((services) => services.get('web')?.size === 1);
      await nacos.server.revoke('reader', nacos.namespace);
      await expect.poll(() => follower.error, { timeout: 40_000 }).toMatchObject({ code: 'forbidden' });
      expect(follower.services.get('web')?.size).toBe(1);
    }, 60_000);
  });

describe('credentials for Nacos', () => {
  it('are not sent in the clear unless told', () => {
    const scope = new AsyncDisposableStack();
    const servers = ['http://127.0.0.1:8848'];
    expect(() => make(nacosRegistry, { servers, ...ADMIN }, scope)).toThrow('only over verified TLS');
    expect(() => make(nacosRegistry, { servers, identity: IDENTITY }, scope)).toThrow(
      'only over verified TLS',
    );
  });
});
