/** What Dubbo's consumers are told, and what is left of it afterwards. */

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Instance } from '../../../src/core/instance.ts';
import type { Registry, WriteRequest } from '../../../src/core/registry.ts';
import { zookeeperRegistry } from '../../../src/registries/zookeeper/registry.ts';
import { Follower, listed, listOnce, make, request } from '../../contracts/registry.contract.ts';
import { QuietLog } from '../../support/quiet-log.ts';
import { describeWith } from '../../support/servers.ts';
import { type Peer, ZOOKEEPER_PROGRAM, ZookeeperServer } from '../../support/zookeeper-server.ts';

const NEVER = new AbortController().signal;
const since = '2026-01-01T00:00:00.000Z';
const DEAD = { kind: 'health', health: 'dead', reason: 'connect-refused', since } as const;
const SUB = { kind: 'health', health: 'sub-healthy', reason: 'slow', since } as const;
const HEALTHY = { kind: 'health', health: 'healthy', reason: 'recovered', since } as const;
const RELEASE = { kind: 'release' } as const;
const CART = 'com.shop.Cart';

describeWith('zookeeper', ZOOKEEPER_PROGRAM, 'rules for Dubbo’s consumers', () => {
  const all = new AsyncDisposableStack();
  let server: ZookeeperServer;
  let scope: AsyncDisposableStack;
  let peer: Peer;
  let registry: Registry;
  let root: string;
  let tests = 0;

  beforeAll(async () => {
    server = await ZookeeperServer.start(all);
  });
  afterAll(() => all.disposeAsync());
  beforeEach(async (context) => {
    scope = new AsyncDisposableStack();
    context.onTestFinished(() => scope.disposeAsync());
    peer = await server.session(scope);
    root = `/r${++tests}`;
    registry = make(zookeeperRegistry, options(), scope);
  });

  const options = (more: object = {}) => ({
    servers: [server.address],
    root,
    configRoot: `${root}/config/dubbo`,
    marksRoot: `/sonde${root}`,
    ...more,
  });
  const register = (address: string, query = '', session = peer): Promise<void> =>
    session.put(
      `${root}/${CART}/providers/${encodeURIComponent(`dubbo://${address}/${CART}?side=provider&interface=${CART}${query}`)}`,
      '',
      true,
    );
  const rules = async (): Promise<readonly string[]> =>
    (await peer.children(`${root}/${CART}/configurators`)).map(decodeURIComponent).sort();
  const document = (name = `${CART}::`): Promise<string | undefined> =>
    peer.get(`${root}/config/dubbo/${name}.configurators`);
  const one = async (asked: WriteRequest) => (await registry.write?.([asked], NEVER))?.[0];
  const instance = (address: string, service = CART): Promise<Instance> => listed(registry, service, address);

  it('are an override URL and an item of the document, and both go again', async () => {
    await register('10.0.0.1:20880', '&weight=200');
    const target = await instance('10.0.0.1:20880');
    expect(target.weight).toBe(200);
    await one(request(target, DEAD));
    const query = 'category=configurators&dynamic=false&enabled=true&side=consumer';
    expect(await rules()).toEqual([`override://10.0.0.1:20880/${CART}?${query}&disabled=true`]);
    expect(await document()).toContain('disabled: true');
    await one(request(target, SUB));
    expect(await rules()).toEqual([
      `absent://0.0.0.0/${CART}?${query}&weight=100`,
      `override://10.0.0.1:20880/${CART}?${query}&weight=60`,
    ]);
    expect(await document()).toContain('weight: 60');
    await one(request(target, HEALTHY));
    expect(await rules()).toEqual([]);
    expect(await document()).toBeUndefined();
    await one(request(target, SUB));
    await one(request(target, RELEASE));
    expect(await rules()).toEqual([]);
    expect(await document()).toBeUndefined();
    expect([...(await peer.all(`/sonde${root}/${root.slice(1)}`)).keys()]).toEqual([
      `/sonde${root}/${root.slice(1)}`,
    ]);
  });

  it('say of one that was dead that it is not disabled, until it is released or was sub-healthy', async () => {
    await register('10.0.0.1:20880');
    const target = await instance('10.0.0.1:20880');
    await one(request(target, DEAD));
    await one(request(target, HEALTHY));
    expect(await rules()).toEqual([]);
    expect(await document()).toContain('disabled: false');
    expect(await instance('10.0.0.1:20880')).toMatchObject({ enabled: true, mark: { intact: true } });
    await one(request(target, SUB));
    await one(request(target, HEALTHY));
    expect(await document()).toBeUndefined();
    await one(request(target, DEAD));
    const released = one(request(target, RELEASE));
    await expect.poll(() => document(), { interval: 20 }).toContain('disabled: false');
    expect(await released).toMatchObject({ kind: 'written' });
    expect(await document()).toBeUndefined();
    expect((await instance('10.0.0.1:20880')).mark).toBeUndefined();
  });

  it('are of the provider’s group and version', async () => {
    await register('10.0.0.1:20880', '&group=g&version=1.0.0');
    await register('10.0.0.1:20880', '&version=2.0.0');
    const services = await listOnce(registry);
    expect([...services.keys()].sort()).toEqual([`${CART}:2.0.0`, `g/${CART}:1.0.0`]);
    await one(request(await instance('10.0.0.1:20880', `g/${CART}:1.0.0`), DEAD));
    expect(await rules()).toEqual([expect.stringContaining('&group=g&version=1.0.0&disabled=true')]);
    expect(await document(`${CART}:1.0.0:g`)).toContain(`key: g/${CART}:1.0.0`);
    expect((await instance('10.0.0.1:20880', `${CART}:2.0.0`)).mark).toBeUndefined();
  });

  it('leave the base for weights until the last weight has gone', async () => {
    await register('10.0.0.1:20880');
    await register('10.0.0.2:20880');
    const [a, b] = [await instance('10.0.0.1:20880'), await instance('10.0.0.2:20880')];
    await registry.write?.([request(a, SUB), request(b, SUB)], NEVER);
    expect(await rules()).toHaveLength(3);
    await one(request(a, HEALTHY));
    expect((await rules())[0]).toContain('absent://');
    await one(request(b, DEAD));
    expect(await rules()).toEqual([expect.stringContaining('disabled=true')]);
  });

  it('are not made against another’s for the same provider, unless told so', async () => {
    await register('10.0.0.1:20880');
    const theirs = `${root}/${CART}/configurators/${encodeURIComponent(`override://10.0.0.1:20880/${CART}?category=configurators&dynamic=false&disabled=true`)}`;
    await peer.put(theirs, '');
    const target = await instance('10.0.0.1:20880');
    expect(target).toMatchObject({ enabled: false, mark: { writer: '', intact: false } });
    expect(await one(request(target, HEALTHY))).toMatchObject({ kind: 'contested' });
    expect(await one({ ...request(target, SUB), force: true })).toMatchObject({ kind: 'written' });
    expect((await rules()).some((rule) => rule.includes('disabled'))).toBe(false);
    expect(await instance('10.0.0.1:20880')).toMatchObject({ enabled: true, mark: { intact: true } });
  });

  it('are somebody’s matter once they were taken away', async () => {
    await register('10.0.0.1:20880');
    const target = await instance('10.0.0.1:20880');
    await one(request(target, DEAD));
    const [rule = ''] = await rules();
    await peer.delete(`${root}/${CART}/configurators/${encodeURIComponent(rule)}`);
    expect((await instance('10.0.0.1:20880')).mark).toMatchObject({ health: 'dead', intact: false });
    expect(await one(request(target, SUB))).toMatchObject({ kind: 'contested' });
    expect(await one(request(target, RELEASE))).toMatchObject({ kind: 'contested' });
    expect(await one({ ...request(target, RELEASE), force: true })).toMatchObject({ kind: 'written' });
    expect(await document()).toBeUndefined();
  });

  it('leave a document alone that is switched off or of another form', async () => {
    await register('10.0.0.1:20880');
    const target = await instance('10.0.0.1:20880');
    const path = `${root}/config/dubbo/${CART}::.configurators`;
    for (const text of [
      'configVersion: v2.7\nenabled: false\nconfigs: []\n',
      '["override://0.0.0.0/x?timeout=1"]',
    ]) {
      await peer.put(path, text);
      expect(await one(request(target, DEAD))).toMatchObject({ kind: 'contested' });
      expect(await peer.get(path)).toBe(text);
    }
    await peer.put(
      path,
      `configVersion: v2.7\nconfigs:\n  - side: consumer # theirs\n    parameters: { timeout: 1 }\n`,
    );
    expect(await one(request(target, DEAD))).toMatchObject({ kind: 'written' });
    expect(await one(request(target, RELEASE))).toMatchObject({ kind: 'written' });
    expect(await peer.get(path)).toContain('# theirs');
  });

  it('go with the next write when their provider has left, though it came back as another', async () => {
    const first = await server.session(scope);
    await register('10.0.0.1:20880', '', first);
    await register('10.0.0.2:20880', '', first);
    await register('10.0.0.3:20880');
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get(CART)?.size === 3);
    for (const address of ['10.0.0.1:20880', '10.0.0.2:20880'])
      await one(request(await instance(address), DEAD));
    await first.close();
    await follower.until((services) => services.get(CART)?.size === 1);
    await register('10.0.0.1:20880', '&life=2');
    await follower.until((services) => services.get(CART)?.size === 2);
    // The new life knows nothing of the old one's mark.
    expect(follower.services.get(CART)?.get('10.0.0.1:20880')?.mark).toBeUndefined();
    expect(await rules()).toHaveLength(2);
    await one(request(await instance('10.0.0.3:20880'), HEALTHY));
    await expect.poll(rules).toEqual([]);
    expect(await document()).toBeUndefined();
  });

  it('take a provider that restarted for the newer of its nodes', async () => {
    const before = await server.session(scope);
    await register('10.0.0.1:20880', '&timestamp=1', before);
    const old = await instance('10.0.0.1:20880');
    await register('10.0.0.1:20880', '&timestamp=2');
    const young = await instance('10.0.0.1:20880');
    expect(young.metadata.timestamp).toBe('2');
    expect(young.id).not.toBe(old.id);
    await before.close();
    expect((await instance('10.0.0.1:20880')).id).toBe(young.id);
  });

  it('never reach beyond their folders, whatever a mark says', async () => {
    await register('10.0.0.1:20880');
    await peer.put(`${root}/precious`, 'x');
    const target = await instance('10.0.0.1:20880');
    await one(request(target, DEAD));
    const path = `/sonde${root}/${root.slice(1)}/default:${CART}/${encodeURIComponent('10.0.0.1:20880')}`;
    const mark = JSON.parse((await peer.get(path)) ?? '{}') as { urls: string[]; items: object[] };
    mark.urls.push(`${root}/precious`);
    mark.items.push({ document: `${root}/precious`, provider: 'x', parameters: {} });
    await peer.put(path, JSON.stringify(mark));
    await one({ ...request(target, RELEASE), force: true });
    expect(await peer.get(`${root}/precious`)).toBe('x');
  });

  it('are given to whom Dubbo gives its nodes: the user alone', async () => {
    const owner = await server.session(scope, 'dubbo:secret');
    await register('10.0.0.1:20880', '', owner);
    const login = { username: 'dubbo', password: 'secret', insecure: true };
    registry = make(zookeeperRegistry, options(login), scope);
    const target = await instance('10.0.0.1:20880');
    expect(await one(request(target, DEAD))).toMatchObject({ kind: 'written' });
    await expect(document()).rejects.toThrow('not permitted');
    const own = await owner.get(`${root}/config/dubbo/${CART}::.configurators`);
    expect(own).toContain('disabled: true');
  });

  it('are refused with the reason where they may not be written', async () => {
    const owner = await server.session(scope, 'dubbo:secret');
    await register('10.0.0.1:20880');
    await owner.apply({ kind: 'create', path: `${root}/config`, data: '', acl: 'creator-read' });
    const target = await instance('10.0.0.1:20880');
    await expect(registry.write?.([request(target, DEAD)], NEVER)).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('are not made for an application without interfaces, which is said', async () => {
    const spring = { layout: 'dubbo-applications', root: `${root}-services`, metadataRoot: root };
    registry = make(zookeeperRegistry, options(spring), scope);
    await peer.put(`${root}-services/cart/10.0.0.1:80`, '{"address":"10.0.0.1","port":80}', true);
    const target = await instance('10.0.0.1:80', 'cart');
    expect(await one(request(target, HEALTHY))).toMatchObject({ kind: 'written' });
    expect(await one(request(target, DEAD))).toMatchObject({
      kind: 'refused',
      detail: expect.stringContaining('no interface is mapped to cart') as string,
    });
  });

  it('say once what is no provider', async () => {
    const log = new QuietLog();
    await peer.put(`${root}/${CART}/providers/${encodeURIComponent('dubbo://')}`, '');
    await peer.put(`${root}/${CART}/providers/100%`, '');
    await register('10.0.0.1:20880');
    const services = await listOnce(make(zookeeperRegistry, options(), scope, { log }));
    expect(services.get(CART)?.size).toBe(1);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });
});
