import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WriteRequest } from '../../src/core/registry.ts';
import { consulRegistry } from '../../src/registries/consul/registry.ts';
import { Follower, instanceOf, listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { harnessOn } from '../support/consul-harness.ts';
import { ConsulServer } from '../support/consul-server.ts';
import { certificates } from '../support/lab/certificates.ts';
import { describeWith } from '../support/servers.ts';
import { tempDir } from '../support/temp-dir.ts';

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
const PATIENCE = { timeout: 20_000, interval: 100 };
const ROOT = '11111111-2222-3333-4444-555555555555';

interface Check {
  readonly CheckID: string;
  readonly Status: string;
  readonly Output: string;
  readonly Notes: string;
  readonly Definition: Readonly<Record<string, unknown>>;
}

async function checkOf(server: ConsulServer, node: string, id: string): Promise<Check | undefined> {
  const checks = (await server.call('GET', `/v1/health/node/${node}`)) as Check[];
  return checks.find(({ CheckID }) => CheckID === id);
}

/** A service on a node without an agent. */
function register(
  server: ConsulServer,
  node: string,
  service: string,
  id: string,
  more: object = {},
): Promise<unknown> {
  const [Address, port] = id.split(':');
  return server.call('PUT', '/v1/catalog/register', {
    Node: node,
    Address: '127.0.0.1',
    Service: { ID: id, Service: service, Address, Port: Number(port) },
    ...more,
  });
}

describeWith('consul', 'consul', 'Consul, a server without ACLs', () => {
  const servers = new AsyncDisposableStack();
  let server: ConsulServer;
  let scope: AsyncDisposableStack;
  beforeAll(async () => {
    server = await ConsulServer.start(servers);
  });
  afterAll(() => servers.disposeAsync());

  const within = (title: string, run: () => Promise<void>, timeout = 30_000): void =>
    it(title, { timeout }, async () => {
      await using own = new AsyncDisposableStack();
      scope = own;
      await run();
    });
  const registryOf = (options: object = {}) =>
    make(consulRegistry, { endpoints: [server.endpoint], timeout: '2s', ...options }, scope);
  const one = async (registry: ReturnType<typeof make>, asked: WriteRequest) =>
    (await registry.write?.([asked], NEVER))?.[0];

  within('tells what the check of an external node says, and where it is', async () => {
    await register(server, 'ext-1', 'shop', '10.1.0.1:8080', {
      NodeMeta: { 'external-node': 'true', 'external-probe': 'true' },
      Checks: [
        {
          CheckID: 'z-tcp',
          Name: 'tcp',
          Status: 'passing',
          ServiceID: '10.1.0.1:8080',
          Definition: { TCP: '10.1.0.1:9090', Interval: '5s', Timeout: '1s' },
        },
        {
          CheckID: 'a-http',
          Name: 'http',
          Status: 'passing',
          ServiceID: '10.1.0.1:8080',
          Definition: {
            HTTP: 'https://shop.internal:8443/health?full=1',
            Method: 'HEAD',
            Header: { Authorization: ['secret'] },
            TLSServerName: 'shop',
            Interval: '10s',
            DeregisterCriticalServiceAfter: '30m',
          },
        },
      ],
    });
    const { metadata } = await listed(registryOf({ nodes: 'external' }), 'shop', '10.1.0.1:8080');
    expect(metadata).toEqual({
      'consul.node': 'ext-1',
      'consul.id': '10.1.0.1:8080',
      'consul.datacenter': 'dc1',
      'consul.external-node': 'true',
      'consul.external-probe': 'true',
      'consul.check.kind': 'http',
      'consul.check.scheme': 'https',
      'consul.check.host': 'shop.internal',
      'consul.check.port': '8443',
      'consul.check.path': '/health?full=1',
      'consul.check.method': 'HEAD',
      'consul.check.server-name': 'shop',
      'consul.check.interval': '10s',
      'consul.check.deregister-after': '30m0s',
    });
  });

  within(
    'writes all checks of an external node as one, keeps their definitions, and gives them back',
    async () => {
      const definitions = ['HTTP', 'TCP'].map((kind) => ({
        CheckID: `e2-${kind}`,
        Name: kind,
        Notes: 'of the provider',
        Status: kind === 'HTTP' ? 'critical' : 'passing',
        Output: `was ${kind}`,
        ServiceID: '10.2.0.1:80',
        Definition: {
          [kind]: kind === 'HTTP' ? 'http://10.2.0.1/h' : '10.2.0.1:80',
          Interval: '7s',
          Header: { A: ['b'] },
        },
      }));
      const nodeCheck = {
        CheckID: 'node-only',
        Name: 'n',
        Status: 'passing',
        Definition: { TCP: '10.2.0.1:22' },
      };
      const meta = { NodeMeta: { 'external-node': 'true' }, Checks: [...definitions, nodeCheck] };
      await register(server, 'ext-2', 'pay', '10.2.0.1:80', meta);
      const registry = registryOf();
      const instance = await listed(registry, 'pay', '10.2.0.1:80');
      const before = await Promise.all(
        ['e2-HTTP', 'e2-TCP', 'node-only'].map((id) => checkOf(server, 'ext-2', id)),
      );
      expect(await one(registry, request(instance, SUB))).toMatchObject({ kind: 'written' });
      for (const kind of ['HTTP', 'TCP']) {
        const check = await checkOf(server, 'ext-2', `e2-${kind}`);
        expect(check).toMatchObject({ Status: 'warning', Notes: 'of the provider' });
        expect(check?.Definition).toEqual(before.find((was) => was?.CheckID === check?.CheckID)?.Definition);
        expect(check?.Output).toContain('sonde: sub-healthy since');
      }
      expect(await checkOf(server, 'ext-2', 'node-only')).toEqual(before[2]);
      expect(await checkOf(server, 'ext-2', 'sonde:10.2.0.1:80')).toBeUndefined();
      // The provider registers one of them anew, as it does: its mark is gone, and it alone is written again.
      await register(server, 'ext-2', 'pay', '10.2.0.1:80', { Checks: [definitions[0]] });
      expect((await listed(registry, 'pay', '10.2.0.1:80')).mark).toBeUndefined();
      expect(await one(registry, request(instance, SUB))).toMatchObject({ kind: 'written' });
      expect(await one(registry, request(instance, RELEASE))).toMatchObject({ kind: 'written' });
      const after = await Promise.all(['e2-HTTP', 'e2-TCP'].map((id) => checkOf(server, 'ext-2', id)));
      expect(after.map((check) => [check?.Status, check?.Output])).toEqual([
        ['critical', 'was HTTP'],
        ['passing', 'was TCP'],
      ]);
    },
  );

  within('leaves a check alone whose definition a transaction would cut', async () => {
    await register(server, 'ext-3', 'cut', '10.3.0.1:80', {
      NodeMeta: { 'external-node': 'true' },
      Checks: [
        {
          CheckID: 'e3',
          Name: 'e3',
          Status: 'passing',
          ServiceID: '10.3.0.1:80',
          Definition: { HTTP: 'http://10.3.0.1/', DisableRedirects: true, Interval: '5s' },
        },
      ],
    });
    const registry = registryOf();
    const instance = await listed(registry, 'cut', '10.3.0.1:80');
    expect(await one(registry, request(instance, DEAD))).toMatchObject({
      kind: 'refused',
      detail: expect.stringContaining('DisableRedirects') as unknown,
    });
    expect(await checkOf(server, 'ext-3', 'e3')).toMatchObject({
      Status: 'passing',
      Definition: { DisableRedirects: true },
    });
    const own = registryOf({ externalChecks: 'own' });
    expect(await one(own, request(instance, DEAD))).toMatchObject({ kind: 'written' });
    expect(await checkOf(server, 'ext-3', 'sonde:10.3.0.1:80')).toMatchObject({ Status: 'critical' });
  });

  within('leaves the checks of external nodes to a consul-esm that is passing', async () => {
    const harness = harnessOn(server, 'ext-4', 'adopt');
    await harness.put('web4', '10.4.0.1:80');
    const registry = make(consulRegistry, { ...harness.options, esmService: 'esm-4' }, scope);
    const instance = await listed(registry, 'web4', '10.4.0.1:80');
    const esm = (Status: string) =>
      register(server, 'esm-node', 'esm-4', '10.4.0.9:1', {
        Check: { CheckID: 'ttl', Name: 'ttl', Status, ServiceID: '10.4.0.9:1' },
      });
    await esm('passing');
    expect(await one(registry, request(instance, DEAD))).toMatchObject({ kind: 'contested' });
    await esm('critical');
    expect(await one(registry, request(instance, DEAD))).toMatchObject({ kind: 'written' });
  });

  within('takes back what an earlier way of writing left', async () => {
    const adopt = harnessOn(server, 'ext-5', 'adopt');
    await adopt.put('web5', '10.5.0.1:80');
    const adopting = make(consulRegistry, adopt.options, scope);
    const owning = make(consulRegistry, { ...adopt.options, externalChecks: 'own' }, scope);
    const instance = await listed(adopting, 'web5', '10.5.0.1:80');
    await adopting.write?.([request(instance, DEAD)], NEVER);
    expect(await one(owning, request(instance, DEAD))).toMatchObject({ kind: 'written' });
    expect(await checkOf(server, 'ext-5', 'service:10.5.0.1:80')).toMatchObject({
      Status: 'passing',
      Output: '',
    });
    expect(await checkOf(server, 'ext-5', 'sonde:10.5.0.1:80')).toMatchObject({ Status: 'critical' });
    expect(await one(adopting, request(instance, DEAD))).toMatchObject({ kind: 'written' });
    expect(await checkOf(server, 'ext-5', 'sonde:10.5.0.1:80')).toBeUndefined();
  });

  within('looks after external nodes themselves, where told to', async () => {
    const node = (Node: string, probe: string, checks: object[] = []): Promise<unknown> =>
      server.call('PUT', '/v1/catalog/register', {
        Node,
        Address: '10.40.0.1',
        NodeMeta: { 'external-node': 'true', 'external-probe': probe },
        Checks: checks,
      });
    const left = { CheckID: 'externalNodeHealth', Name: 'Node Status', Status: 'critical', Output: 'of esm' };
    await node('ping-1', 'true');
    await node('ping-2', 'true', [left]);
    await node('ping-3', 'false');
    const registry = registryOf({ externalNodes: { service: 'nodes', port: 9 } });
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('nodes')?.has('ping-2') === true);
    const nodes = follower.services.get('nodes');
    expect(nodes?.has('ping-3')).toBe(false);
    const [one, two] = ['ping-1', 'ping-2'].map((key) => nodes?.get(key));
    if (one === undefined || two === undefined) throw new Error('not listed');
    expect([one.host, one.port, one.enabled, two.enabled]).toEqual(['10.40.0.1', 9, true, false]);
    const write = async (desired: WriteRequest['desired']) => {
      const asked = [one, two].map((entry) => request(instanceOf('nodes', entry), desired));
      return (await registry.write?.(asked, NEVER))?.map(({ kind }) => kind);
    };
    expect(await write(DEAD)).toEqual(['written', 'written']);
    expect(await write(HEALTHY)).toEqual(['written', 'written']);
    expect(await write(HEALTHY)).toEqual(['unchanged', 'unchanged']);
    expect(await checkOf(server, 'ping-2', 'externalNodeHealth')).toMatchObject({ Status: 'passing' });
    // By the next turn: nobody waits for the checks of nodes.
    await follower.until((services) => services.get('nodes')?.get('ping-2')?.mark?.health === 'healthy');
    expect(await write(RELEASE)).toEqual(['written', 'written']);
    expect(await checkOf(server, 'ping-1', 'externalNodeHealth')).toBeUndefined();
    expect(await checkOf(server, 'ping-2', 'externalNodeHealth')).toMatchObject(left);
    await server.call('PUT', '/v1/catalog/deregister', { Node: 'ping-1' });
    await follower.until((services) => services.get('nodes')?.has('ping-1') === false);
    expect(await write(DEAD)).toEqual(['gone', 'written']);
  });

  within('gives sub-healthy the status that the consumers need', async () => {
    await register(server, 'n-6', 'web6', '10.6.0.1:80');
    const instance = await listed(registryOf(), 'web6', '10.6.0.1:80');
    const passing = async () =>
      ((await server.call('GET', '/v1/health/service/web6?passing')) as unknown[]).length;
    await registryOf().write?.([request(instance, SUB)], NEVER);
    expect(await passing()).toBe(0);
    await registryOf({ subHealthyAs: 'passing' }).write?.([request(instance, SUB)], NEVER);
    expect(await passing()).toBe(1);
    expect((await listed(registryOf(), 'web6', '10.6.0.1:80')).mark).toMatchObject({
      health: 'sub-healthy',
      intact: true,
    });
  });

  within('says of an instance that others hold critical that it is out of service', async () => {
    const check = { CheckID: 'own-7', Name: 'own', Status: 'critical', ServiceID: '10.7.0.1:80' };
    await register(server, 'n-7', 'web7', '10.7.0.1:80', { Check: check });
    const registry = registryOf();
    const instance = await listed(registry, 'web7', '10.7.0.1:80');
    expect(instance.enabled).toBe(false);
    await registry.write?.([request(instance, HEALTHY)], NEVER);
    expect((await listed(registry, 'web7', '10.7.0.1:80')).enabled).toBe(false);
    expect(await checkOf(server, 'n-7', 'own-7')).toMatchObject({ Status: 'critical' });
  });

  within('counts a status that somebody changed beside the mark as contested', async () => {
    await register(server, 'n-8', 'web8', '10.8.0.1:80');
    const registry = registryOf();
    const instance = await listed(registry, 'web8', '10.8.0.1:80');
    await registry.write?.([request(instance, DEAD)], NEVER);
    const check = await checkOf(server, 'n-8', 'sonde:10.8.0.1:80');
    await register(server, 'n-8', 'web8', '10.8.0.1:80', { Check: { ...check, Status: 'passing' } });
    expect(await one(registry, request(instance, DEAD))).toMatchObject({ kind: 'contested' });
    expect(await one(registry, { ...request(instance, DEAD), force: true })).toMatchObject({
      kind: 'written',
    });
  });

  within('writes hundreds at once, in several transactions', async () => {
    const ids = Array.from({ length: 150 }, (_, i) => `10.9.${i}.1:80`);
    for (const id of ids) await register(server, 'n-9', 'web9', id);
    const registry = registryOf({ services: ['web9'] });
    const entries = [...((await listOnce(registry)).get('web9')?.values() ?? [])];
    const requests = entries.map((entry) => request(instanceOf('web9', entry), DEAD));
    const receipts = await Promise.all(
      [0, 64, 128].map(async (at) => registry.write?.(requests.slice(at, at + 64), NEVER)),
    );
    expect(receipts.flat().filter((receipt) => receipt?.kind === 'written').length).toBe(150);
    expect(((await server.call('GET', '/v1/health/service/web9?passing')) as unknown[]).length).toBe(0);
  });

  within('notices a server that hangs, and recovers', async () => {
    await register(server, 'n-10', 'web10', '10.10.0.1:80');
    const follower = new Follower(registryOf({ timeout: '1s' }));
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('web10')?.size === 1);
    server.freeze();
    await expect.poll(() => follower.error, PATIENCE).toMatchObject({ code: 'unreachable' });
    server.thaw();
    const again = new Follower(registryOf());
    scope.defer(() => again.stop());
    await again.until((services) => services.get('web10')?.size === 1);
  });

  within('is unsupported with namespaces in the community edition', async () => {
    await expect(listOnce(registryOf({ namespaces: ['a'] }))).rejects.toMatchObject({ code: 'unsupported' });
    await expect(listOnce(registryOf({ partition: 'p' }))).rejects.toMatchObject({ code: 'unsupported' });
  });

  within(
    'shows what it knew while a server that lost everything learns it again',
    async () => {
      await using own = new AsyncDisposableStack();
      const lost = await ConsulServer.start(own);
      for (let i = 0; i < 20; i++) await register(lost, 'n', 'web', `10.0.1.${i}:80`);
      const registry = make(consulRegistry, { endpoints: [lost.endpoint], restartGrace: '5s' }, scope);
      const follower = new Follower(registry);
      own.defer(() => follower.stop());
      await follower.until((services) => services.get('web')?.size === 20);
      await lost.wipe();
      await expect.poll(() => follower.error, PATIENCE).toMatchObject({ code: 'unreachable' });
      await lost.start();
      await register(lost, 'n', 'web', '10.0.1.0:80');
      const again = new Follower(registry);
      own.defer(() => again.stop());
      await again.until((services) => services.get('web')?.size === 20);
      await again.until((services) => services.get('web')?.size === 1);
    },
    60_000,
  );

  describe('where a node has an agent', () => {
    const agentService = (name: string, ID: string): Promise<unknown> =>
      server.call('PUT', '/v1/agent/service/register', { ID, Name: name, Address: '10.20.0.1', Port: 80 });

    within('refuses what the agent would remove, and says why', async () => {
      await agentService('a1', 'a1-1');
      await expect.poll(() => listOnce(registryOf()).then((all) => all.has('a1')), PATIENCE).toBe(true);
      const registry = registryOf();
      const [entry] = [...((await listOnce(registry)).get('a1')?.values() ?? [])];
      const instance = entry === undefined ? undefined : instanceOf('a1', entry);
      if (instance === undefined) throw new Error('not listed');
      expect(await one(registry, request(instance, DEAD))).toMatchObject({
        kind: 'refused',
        detail: expect.stringContaining('agent') as unknown,
      });
      expect(await one(registry, request(instance, RELEASE))).toMatchObject({ kind: 'unchanged' });
    });

    within(
      'writes through the agent, which keeps it over anti-entropy and a restart, and releases it',
      async () => {
        await agentService('a2', 'a2-1');
        await expect.poll(() => listOnce(registryOf()).then((all) => all.has('a2')), PATIENCE).toBe(true);
        const registry = registryOf({ agents: 'own' });
        const [entry] = [...((await listOnce(registry)).get('a2')?.values() ?? [])];
        if (entry === undefined) throw new Error('not listed');
        const instance = instanceOf('a2', entry);
        const status = async (): Promise<string | undefined> =>
          (await checkOf(server, server.node, 'sonde:a2-1').catch(() => undefined))?.Status;
        expect(await one(registry, request(instance, SUB))).toMatchObject({ kind: 'written' });
        await expect.poll(status, PATIENCE).toBe('warning');
        expect(await one(registry, request(instance, SUB))).toMatchObject({ kind: 'unchanged' });
        expect(await one(registry, request(instance, DEAD))).toMatchObject({ kind: 'written' });
        await expect.poll(status, PATIENCE).toBe('critical');
        expect(await one(registry, request(instance, HEALTHY))).toMatchObject({ kind: 'written' });
        await expect.poll(status, PATIENCE).toBe('passing');
        await server.kill();
        await server.start();
        await expect.poll(status, PATIENCE).toBe('passing');
        const after = (await listOnce(registry)).get('a2')?.values().next().value;
        expect(after).toMatchObject({
          incarnation: entry.incarnation,
          mark: { health: 'healthy', intact: true },
        });
        expect(await one(registry, request(instance, HEALTHY))).toMatchObject({ kind: 'unchanged' });
        expect(await one(registry, request(instance, RELEASE))).toMatchObject({ kind: 'written' });
        await expect.poll(status, PATIENCE).toBeUndefined();
        expect(await one(registry, request(instance, RELEASE))).toMatchObject({ kind: 'unchanged' });
      },
      60_000,
    );

    within('does not write through an agent that would lose the mark', async () => {
      await using own = new AsyncDisposableStack();
      const mute = await ConsulServer.start(own, { more: { discard_check_output: true } });
      await mute.call('PUT', '/v1/agent/service/register', {
        ID: 'm1',
        Name: 'm',
        Address: '10.0.0.1',
        Port: 80,
      });
      const registry = make(consulRegistry, { endpoints: [mute.endpoint], agents: 'own' }, own);
      await expect.poll(() => listOnce(registry).then((all) => all.has('m')), PATIENCE).toBe(true);
      const [entry] = [...((await listOnce(registry)).get('m')?.values() ?? [])];
      if (entry === undefined) throw new Error('not listed');
      expect(await registry.write?.([request(instanceOf('m', entry), DEAD)], NEVER)).toMatchObject([
        { kind: 'refused', detail: expect.stringContaining('discard_check_output') as unknown },
      ]);
      await expect.poll(() => checkOf(mute, mute.node, 'sonde:m1'), PATIENCE).toBeUndefined();
    });
  });
});

describeWith('consul', 'consul', 'Consul, a server with ACLs and a client agent', () => {
  const servers = new AsyncDisposableStack();
  let server: ConsulServer;
  let agent: ConsulServer;
  let scope: AsyncDisposableStack;
  beforeAll(async () => {
    server = await ConsulServer.start(servers, { root: ROOT });
    agent = await ConsulServer.start(servers, { root: ROOT, clientOf: server });
    for (const last of [1, 2, 3]) await register(server, 'n1', 'web', `10.0.0.${last}:80`);
    await register(server, 'n2', 'web', '10.0.0.4:80');
    await register(server, 'n2', 'db', '10.0.0.5:5432');
  }, 60_000);
  afterAll(() => servers.disposeAsync());

  const within = (title: string, run: () => Promise<void>): void =>
    it(title, { timeout: 60_000 }, async () => {
      await using own = new AsyncDisposableStack();
      scope = own;
      await run();
    });
  const registryOf = (options: object, at = server) =>
    make(
      consulRegistry,
      { endpoints: [at.endpoint], timeout: '2s', insecure: true, wait: '2s', ...options },
      scope,
    );

  const READ = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }';
  const WRITE = 'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }';

  within('never takes a list that ACLs have cut for the truth', async () => {
    const { secret } = await server.token('service "web" { policy = "read" } node "n1" { policy = "read" }');
    await expect(listOnce(registryOf({ token: secret }))).rejects.toMatchObject({ code: 'forbidden' });
    // A part of the nodes hidden.
    const web = { token: secret, services: ['web'] };
    await expect(listOnce(registryOf(web))).rejects.toMatchObject({ code: 'forbidden' });
    await expect(listOnce(registryOf({ anonymous: false }))).rejects.toMatchObject({ code: 'unauthorised' });
    await expect(listOnce(registryOf({ token: ROOT.replace('1', '9') }))).rejects.toMatchObject({
      code: 'unauthorised',
    });
    const whole = await server.token(READ);
    expect((await listOnce(registryOf({ token: whole.secret }))).get('web')?.size).toBe(4);
  });

  within('follows the services that a token is for, by name or in part', async () => {
    const { secret } = await server.token(
      'service "web" { policy = "read" } node_prefix "" { policy = "read" }',
    );
    expect([...(await listOnce(registryOf({ token: secret, services: ['web'] }))).keys()]).toEqual(['web']);
    expect([...(await listOnce(registryOf({ token: secret, partial: true }))).keys()]).toEqual(['web']);
  });

  it.each(['server', 'agent'] as const)(
    'notices a permission lost while it follows, from a %s',
    { timeout: 60_000 },
    async (from) => {
      await using own = new AsyncDisposableStack();
      scope = own;
      const at = from === 'server' ? server : agent;
      for (const lost of ['node "n1" { policy = "read" } service_prefix "" { policy = "read" }', '']) {
        const token = await server.token(READ);
        const follower = new Follower(registryOf({ token: token.secret }, at));
        own.defer(() => follower.stop());
        await follower.until((services) => services.get('web')?.size === 4);
        await token.setRules(lost);
        await expect.poll(() => follower.error, PATIENCE).toMatchObject({ code: 'forbidden' });
        expect(follower.services.get('web')?.size).toBe(4);
        expect(follower.services.get('db')?.size).toBe(1);
      }
    },
  );

  within('is forbidden to write without permission, and refused where it lacks it for some', async () => {
    const { secret } = await server.token(READ);
    const registry = registryOf({ token: secret });
    const web = await listed(registry, 'web', '10.0.0.1:80');
    const db = await listed(registry, 'db', '10.0.0.5:5432');
    await expect(registry.write?.([request(web, DEAD)], NEVER)).rejects.toMatchObject({ code: 'forbidden' });
    const some = await server.token(`${READ} service "web" { policy = "write" }`);
    const receipts = await registryOf({ token: some.secret }).write?.(
      [request(db, DEAD), request(web, DEAD)],
      NEVER,
    );
    const kinds = new Map(receipts?.map((receipt) => [receipt.instance, receipt.kind]));
    expect([kinds.get(db.id), kinds.get(web.id)]).toEqual(['refused', 'written']);
    // What may no longer be seen is not gone.
    const blind = await server.token('service "web" { policy = "write" }');
    const hidden = registryOf({ token: blind.secret, services: ['web'] });
    expect(await hidden.write?.([request(web, DEAD)], NEVER)).toMatchObject([{ kind: 'refused' }]);
  });

  within(
    'leaves the checks of external nodes alone where it may not see whether consul-esm runs',
    async () => {
      await register(server, 'e1', 'web', '10.0.9.1:80', {
        NodeMeta: { 'external-node': 'true' },
        Check: {
          CheckID: 'e1',
          Name: 'e1',
          Status: 'passing',
          ServiceID: '10.0.9.1:80',
          Definition: { TCP: '10.0.9.1:80' },
        },
      });
      await register(server, 'esm', 'consul-esm', '10.0.9.2:1');
      const rules = 'service "web" { policy = "write" } node_prefix "" { policy = "read" }';
      const blind = registryOf({ token: (await server.token(rules)).secret, services: ['web'] });
      const instance = await listed(blind, 'web', '10.0.9.1:80');
      expect(await blind.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'contested' }]);
      await server.call('PUT', '/v1/catalog/deregister', { Node: 'esm' });
      expect(await blind.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
      await server.call('PUT', '/v1/catalog/deregister', { Node: 'e1' });
    },
  );

  within('writes through the agent of a node with a token that may', async () => {
    const port = Number(new URL(agent.endpoint).port);
    await agent.call('PUT', '/v1/agent/service/register', {
      ID: 'b1',
      Name: 'b',
      Address: '10.30.0.1',
      Port: 80,
    });
    const { secret } = await server.token(`${WRITE} agent_prefix "" { policy = "read" }`);
    const registry = registryOf({ token: secret, agents: 'all', agentPort: port });
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.get('b')?.size === 1);
    const entry = follower.services.get('b')?.values().next().value;
    if (entry === undefined) throw new Error('not listed');
    const instance = instanceOf('b', entry);
    expect(await registry.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
    await follower.until((services) => services.get('b')?.values().next().value?.mark?.health === 'dead');
    // The server's own agent is another one.
    const wrong = registryOf({ token: secret, agents: 'own' });
    expect(await wrong.write?.([request(instance, HEALTHY)], NEVER)).toMatchObject([
      { kind: 'refused', detail: expect.stringContaining(server.node) as unknown },
    ]);
    const readOnly = await server.token(`${READ} agent_prefix "" { policy = "read" }`);
    const denied = registryOf({ token: readOnly.secret, agents: 'all', agentPort: port });
    await expect(denied.write?.([request(instance, HEALTHY)], NEVER)).rejects.toMatchObject({
      code: 'forbidden',
    });
    await agent.call('PUT', '/v1/agent/service/deregister/b1');
    await follower.until((services) => !services.has('b'));
    expect(await registry.write?.([request(instance, HEALTHY)], NEVER)).toMatchObject([{ kind: 'gone' }]);
  });
});

describeWith('consul', 'consul', 'Consul over TLS', () => {
  it('verifies whom it speaks to, shows its certificate, and reads its token anew', {
    timeout: 60_000,
  }, async () => {
    await using scope = new AsyncDisposableStack();
    const { ca, good, client } = certificates();
    const https = { ca_file: ca, cert_file: good.certFile, key_file: good.keyFile, verify_incoming: true };
    const consul = await ConsulServer.start(scope, { root: ROOT, https });
    await register(consul, 'n', 'web', '10.0.0.1:80');
    const { secret } = await consul.token(
      'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }',
    );
    const tokenFile = join(tempDir(scope), 'token');
    writeFileSync(tokenFile, `${ROOT.replace('1', '9')}\n`);
    const tls = { caFile: ca, certFile: client.certFile, keyFile: client.keyFile };
    const base = { endpoints: [consul.secure], timeout: '2s', tokenFile };
    const registry = make(consulRegistry, { ...base, tls }, scope);
    await expect(listOnce(registry)).rejects.toMatchObject({ code: 'unauthorised' });
    writeFileSync(tokenFile, `${secret}\n`);
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    expect(await registry.write?.([request(instance, DEAD)], NEVER)).toMatchObject([{ kind: 'written' }]);
    const noCertificate = make(consulRegistry, { ...base, tls: { caFile: ca } }, scope);
    await expect(listOnce(noCertificate)).rejects.toMatchObject({ code: 'unreachable' });
    const { caFile: _, ...withoutCa } = tls;
    const unknown = make(consulRegistry, { ...base, tls: withoutCa }, scope);
    await expect(listOnce(unknown)).rejects.toMatchObject({ code: 'unreachable' });
    const misnamed = make(consulRegistry, { ...base, tls: { ...tls, serverName: 'elsewhere.test' } }, scope);
    await expect(listOnce(misnamed)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describeWith('consul', 'consul', 'Consul, three servers', () => {
  it('loses nothing when the leader is killed, nor a write', { timeout: 120_000 }, async () => {
    await using scope = new AsyncDisposableStack();
    const servers = await ConsulServer.cluster(scope);
    const [first] = servers;
    if (first === undefined) throw new Error('no server');
    for (let i = 0; i < 10; i++) await register(first, 'n', 'web', `10.0.0.${i}:80`);
    const options = { endpoints: servers.map(({ endpoint }) => endpoint), timeout: '2s' };
    const registry = make(consulRegistry, options, scope);
    const leader = await leaderOf(servers);
    const sizes = new Set<number>();
    const stop = new AbortController();
    // As discover does: opened again after every failure.
    const following = (async () => {
      while (!stop.signal.aborted)
        try {
          for await (const snapshot of registry.snapshots(stop.signal))
            if (snapshot.kind !== 'synced' && snapshot.service === 'web')
              sizes.add(snapshot.kind === 'service' ? snapshot.entries.length : 0);
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
    })();
    const instance = await listed(registry, 'web', '10.0.0.1:80');
    await leader.kill();
    await expect
      .poll(
        () =>
          registry.write?.([request(instance, DEAD)], NEVER).then(
            (all) => all[0]?.kind,
            () => 'failed',
          ),
        PATIENCE,
      )
      .toMatch(/written|unchanged/);
    await expect
      .poll(
        () =>
          listed(registry, 'web', '10.0.0.1:80').then(
            ({ mark }) => mark?.health,
            () => '',
          ),
        PATIENCE,
      )
      .toBe('dead');
    await leader.start();
    const left = servers.filter((server) => server !== leader);
    const [other] = left;
    if (other === undefined) throw new Error('no server');
    await register(other, 'n', 'web', '10.0.0.10:80');
    await expect.poll(() => sizes.has(11), PATIENCE).toBe(true);
    stop.abort();
    await following;
    expect([...sizes].sort((a, b) => a - b)).toEqual([10, 11]);
  });
});

async function leaderOf(servers: readonly ConsulServer[]): Promise<ConsulServer> {
  for (const server of servers) {
    const { Stats } = (await server.call('GET', '/v1/agent/self')) as {
      Stats: { consul: { leader: string } };
    };
    if (Stats.consul.leader === 'true') return server;
  }
  throw new Error('no leader');
}
