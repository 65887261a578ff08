import { describe, expect, it } from 'vitest';
import { Mirror } from '../../src/registries/eureka/mirror.ts';
import { type InstanceInfo, listing, preservationIn } from '../../src/registries/eureka/wire.ts';

const WEB = {
  instanceId: 'a',
  app: 'WEB',
  hostName: 'a.local',
  ipAddr: '10.0.0.1',
  status: 'UP',
  overriddenStatus: 'UNKNOWN',
  port: { $: 80, '@enabled': 'true' },
  securePort: { $: 443, '@enabled': 'false' },
  metadata: { '@class': 'java.util.Collections$EmptyMap' },
  lastUpdatedTimestamp: '1000',
  actionType: 'ADDED',
};

function list(...instances: object[]): ReturnType<typeof listing.parse> {
  const application = instances.map((instance) => ({ name: 'X', instance: [{ ...WEB, ...instance }] }));
  return listing.parse({ applications: { versions__delta: '1', apps__hashcode: 'UP_1_', application } });
}

const ids = (found: Iterable<InstanceInfo>): readonly string[] => [...found].map(({ id }) => id).sort();

describe('what Eureka says', () => {
  it('is decoded from lists and from what stands for a list of one', () => {
    const alone = listing.parse({ applications: { application: { name: 'WEB', instance: WEB } } });
    expect(alone.instances).toEqual(list({}).instances);
    expect(alone.instances[0]).toMatchObject({
      app: 'web',
      id: 'a',
      port: 80,
      metadata: {},
      updatedAt: 1_000,
    });
    expect(listing.parse({ applications: { apps__hashcode: '' } }).instances).toEqual([]);
  });

  it('names the port that is enabled, and the id as its clients do', () => {
    const plain = { $: 80, '@enabled': 'false' };
    const secure = { $: 443, '@enabled': true };
    expect(list({ port: plain, securePort: secure }).instances[0]?.port).toBe(443);
    expect(list({ port: plain }).instances[0]?.port).toBe(0);
    const amazon = { dataCenterInfo: { name: 'Amazon', metadata: { 'instance-id': 'i-1' } } };
    expect(list({ instanceId: undefined, ...amazon }).instances[0]?.id).toBe('i-1');
    expect(list({ instanceId: undefined }).instances[0]?.id).toBe('a.local');
  });

  it.each([
    ['<td>Lease expiration enabled</td>\n  <td>false</td>', true],
    ['<td>Lease expiration enabled</td><td>true</td>', false],
    ['<h1>Welcome</h1>', undefined],
  ])('is taken from its page: %s', (html, preserves) => {
    expect(preservationIn(html)).toBe(preserves);
  });
});

describe('the mirror of a Eureka', () => {
  it('makes the hash that the server makes', () => {
    const mirror = new Mirror();
    expect(mirror.hash).toBe('');
    mirror.replace(list({}, { instanceId: 'b' }, { instanceId: 'c', status: 'DOWN' }));
    expect(mirror.hash).toBe('DOWN_1_UP_2_');
  });

  it('takes changes in their order, and none that was overtaken', () => {
    const mirror = new Mirror();
    mirror.replace(list({}, { instanceId: 'b', lastUpdatedTimestamp: '5000' }));
    const changes = list(
      { instanceId: 'b', lastUpdatedTimestamp: '3000', actionType: 'DELETED' },
      { instanceId: 'a', lastUpdatedTimestamp: '4000', status: 'DOWN', actionType: 'MODIFIED' },
      { instanceId: 'c', lastUpdatedTimestamp: '4000' },
      { instanceId: 'c', lastUpdatedTimestamp: '4500', actionType: 'DELETED' },
      { instanceId: 'd', app: 'DB', lastUpdatedTimestamp: '4600' },
    );
    for (const _ of [1, 2]) {
      mirror.apply(changes);
      expect(ids(mirror.all())).toEqual(['a', 'b', 'd']);
      expect(mirror.get('web', 'a')?.status).toBe('DOWN');
    }
  });

  it('tells who is missing in a listing, and keeps what it knows better', () => {
    const mirror = new Mirror();
    mirror.replace(list({ lastUpdatedTimestamp: '5000', status: 'DOWN' }, { instanceId: 'b' }));
    expect(ids(mirror.replace(list({})))).toEqual(['b']);
    expect(mirror.get('web', 'a')?.status).toBe('DOWN');
  });
});
