import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Registry, WriteRequest } from '../../src/core/registry.ts';
import { kubernetesRegistry } from '../../src/registries/kubernetes/registry.ts';
import { Follower, listed, listOnce, make, request } from '../contracts/registry.contract.ts';
import { KUBE_APISERVER, KubeApiserver } from '../support/kube-apiserver.ts';
import { Cluster } from '../support/kube-cluster.ts';
import { QuietLog } from '../support/quiet-log.ts';
import { describeWith } from '../support/servers.ts';
import { tempDir } from '../support/temp-dir.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy/kubernetes');
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLES = ['discover', 'gates', 'slices'] as const;
type Role = (typeof ROLES)[number];
const DEAD = {
  kind: 'health',
  health: 'dead',
  reason: 'connect-refused',
  since: '2026-01-01T00:00:00.000Z',
} as const;
const PATIENCE = { timeout: 15_000, interval: 100 };

/** The objects of a file as they are shipped. */
function shipped(file: string): readonly { kind: string; metadata: { name: string } }[] {
  return parseAllDocuments(readFileSync(join(DEPLOY, file), 'utf8')).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string } },
  );
}

describeWith('kube-apiserver', KUBE_APISERVER, 'Kubernetes, with the roles that are shipped', () => {
  const servers = new AsyncDisposableStack();
  let server: KubeApiserver;
  let cluster: Cluster;
  let token: string;
  beforeAll(async () => {
    server = await KubeApiserver.start(servers);
    cluster = new Cluster(server);
    await server.call('POST', '/api/v1/namespaces', shipped('standalone/namespace.yaml')[0]);
    const [account] = shipped('standalone/service-account.yaml');
    await server.call('POST', '/api/v1/namespaces/sonde/serviceaccounts', account);
    const path = '/api/v1/namespaces/sonde/serviceaccounts/sonde/token';
    const answer = await server.call('POST', path, { spec: { audiences: ['api'] } });
    token = (answer.status as { token: string }).token;
  }, 180_000);
  afterAll(() => servers.disposeAsync());

  beforeEach(async () => {
    for (const role of ROLES) await grant(role);
    await cluster.clear();
    await cluster.serve('web', 'web-1', { ip: '10.0.0.1' });
    const endpoints = [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }];
    await cluster.createSlice('db-1', { service: 'db', endpoints, managedBy: 'prober.sonde.io' });
  });

  async function grant(role: Role): Promise<void> {
    for (const object of shipped(`cluster/rbac-${role}.yaml`)) {
      const { status } = await server.ask('POST', `${RBAC}/${object.kind.toLowerCase()}s`, object);
      expect([201, 409]).toContain(status);
    }
  }

  async function revoke(role: Role): Promise<void> {
    await server.call('DELETE', `${RBAC}/clusterrolebindings/sonde-${role}`);
  }

  /** With nothing but the token of the ServiceAccount. */
  function asServiceAccount(scope: AsyncDisposableStack, options: object = {}) {
    const tokenFile = join(tempDir(scope), 'token');
    writeFileSync(tokenFile, token);
    const log = new QuietLog();
    const all = { server: server.url, tokenFile, tls: { caFile: server.caFile }, ...options };
    return { registry: make(kubernetesRegistry, all, scope, { log }), log };
  }

  /** Roles are known to the apiserver a moment after they were changed. */
  const listsAll = async (registry: Registry): Promise<void> => {
    await expect
      .poll(async () => [...(await listOnce(registry).catch(() => new Map())).keys()].sort(), PATIENCE)
      .toEqual(['db', 'web']);
  };
  const write = async (registry: Registry, one: WriteRequest): Promise<string> => {
    const receipts = await registry.write?.([one], new AbortController().signal);
    return receipts?.[0]?.kind ?? 'none';
  };
  const writes = async (registry: Registry, one: WriteRequest): Promise<void> => {
    await expect.poll(() => write(registry, one).catch(String), PATIENCE).toBe('written');
  };

  it('lists, writes to Pods and slices, and tells Events', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry, log } = asServiceAccount(scope);
    await listsAll(registry);
    await writes(registry, request(await listed(registry, 'web', '10.0.0.1:80'), DEAD));
    await writes(registry, request(await listed(registry, 'db', '192.0.2.2:80'), DEAD));
    expect(await cluster.condition('web-1')).toMatchObject({ status: 'False', reason: 'Dead' });
    expect((await cluster.endpoints('db-1')).map(({ conditions }) => conditions)).toEqual([
      {},
      { ready: false, serving: false },
    ]);
    const told = async (): Promise<unknown[]> => {
      const { items } = await server.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events');
      return (items as Record<string, unknown>[]).map(
        ({ reason, type, note, regarding, reportingController }) => ({
          reason,
          type,
          note,
          reportingController,
          regarding: (regarding as { kind: string; name: string }).name,
        }),
      );
    };
    const event = { reason: 'ProbeDead', type: 'Warning', reportingController: 'sonde.io/prober' };
    await expect.poll(told, PATIENCE).toEqual(
      expect.arrayContaining([
        { ...event, regarding: 'web-1', note: 'web at 10.0.0.1:80 is dead: connect-refused' },
        { ...event, regarding: 'db-1', note: 'db at 192.0.2.2:80 is dead: connect-refused' },
      ]),
    );
    expect(log.lines).toEqual([]);
  });

  it('may do no more than that', async () => {
    const may = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string): Promise<boolean> =>
      (await server.ask(method, path, method === 'GET' ? undefined : {}, { token })).status !== 403;
    expect(await may('DELETE', cluster.podPath('web-1'))).toBe(false);
    expect(await may('PATCH', cluster.podPath('web-1'))).toBe(false);
    expect(await may('POST', cluster.slicePath())).toBe(false);
    expect(await may('DELETE', cluster.slicePath('db-1'))).toBe(false);
    expect(await may('GET', '/api/v1/namespaces/default/secrets')).toBe(false);
    expect(await may('GET', '/apis/events.k8s.io/v1/events')).toBe(false);
  });

  it('cannot write without the role for it, says forbidden, and goes on listing', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry } = asServiceAccount(scope);
    await listsAll(registry);
    const pod = await listed(registry, 'web', '10.0.0.1:80');
    const endpoint = await listed(registry, 'db', '192.0.2.1:80');
    await revoke('gates');
    await expect
      .poll(() => write(registry, request(pod, DEAD)).catch((error: unknown) => error), PATIENCE)
      .toMatchObject({ name: 'RegistryError', code: 'forbidden' });
    await writes(registry, request(endpoint, DEAD));
    // Of a batch only the one is refused.
    const receipts = await registry.write?.(
      [request(pod, DEAD), request(endpoint, DEAD)],
      new AbortController().signal,
    );
    expect(receipts?.map(({ kind }) => kind).sort()).toEqual(['refused', 'unchanged']);
    await revoke('slices');
    await expect
      .poll(
        () =>
          write(registry, { ...request(endpoint, DEAD), desired: { ...DEAD, reason: 'slow' } }).catch(
            (error: unknown) => error,
          ),
        PATIENCE,
      )
      .toMatchObject({ code: 'forbidden' });
    await listsAll(registry);
  });

  it('writes health without the permission for Events, and says so once', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry, log } = asServiceAccount(scope);
    await listsAll(registry);
    const path = `${RBAC}/clusterroles/sonde-gates`;
    const role = shipped('cluster/rbac-gates.yaml')[0] as { rules?: { apiGroups: string[] }[] } & object;
    const rules = role.rules?.filter(({ apiGroups }) => !apiGroups.includes('events.k8s.io'));
    await revoke('slices');
    await server.call('PUT', path, { ...role, rules });
    try {
      const pod = await listed(registry, 'web', '10.0.0.1:80');
      for (const health of ['dead', 'sub-healthy', 'healthy', 'dead'] as const)
        await writes(registry, request(pod, { ...DEAD, health }));
      await expect.poll(() => log.lines.length, PATIENCE).toBe(1);
      await writes(registry, request(pod, { ...DEAD, health: 'healthy' }));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(log.lines).toMatchObject([
        {
          level: 'warn',
          message: expect.stringContaining('Events cannot be created'),
          fields: { code: 'forbidden' },
        },
      ]);
    } finally {
      await server.call('PUT', path, role);
    }
  });

  it.each<[string, 'endpointslices' | 'pods' | undefined]>([
    ['all', undefined],
    ['EndpointSlices', 'endpointslices'],
    ['Pods', 'pods'],
  ])(
    'is never told an emptier cluster when it may no longer list %s, under an open watch',
    async (_, resource) => {
      await using scope = new AsyncDisposableStack();
      const { registry } = asServiceAccount(scope);
      await listsAll(registry);
      const follower = new Follower(registry);
      scope.defer(() => follower.stop());
      await follower.until((services) => services.size === 2);
      const path = `${RBAC}/clusterroles/sonde-discover`;
      const role = shipped('cluster/rbac-discover.yaml')[0] as { rules?: { resources: string[] }[] } & object;
      if (resource === undefined) await revoke('discover');
      else
        await server.call('PUT', path, {
          ...role,
          rules: role.rules?.filter(({ resources }) => !resources.includes(resource)),
        });
      try {
        await expect
          .poll(() => follower.error, PATIENCE)
          .toMatchObject({ name: 'RegistryError', code: 'forbidden' });
        expect([...follower.services.keys()].sort()).toEqual(['db', 'web']);
        expect(follower.services.get('db')?.size).toBe(2);
        // The first snapshot of a new listing would already be wrong.
        const told: unknown[] = [];
        const again = async (): Promise<void> => {
          for await (const snapshot of registry.snapshots(new AbortController().signal)) told.push(snapshot);
        };
        await expect(again()).rejects.toMatchObject({ code: 'forbidden' });
        expect(told).toEqual([]);
      } finally {
        await server.call('PUT', path, role);
      }
    },
  );

  it('needs no permission for Pods where it is told to leave them alone', async () => {
    await using scope = new AsyncDisposableStack();
    await revoke('discover');
    const path = `${RBAC}/clusterroles/sonde-discover`;
    const role = shipped('cluster/rbac-discover.yaml')[0] as { rules?: { resources: string[] }[] } & object;
    await server.call('PUT', path, {
      ...role,
      rules: role.rules?.filter(({ resources }) => !resources.includes('pods')),
    });
    try {
      await grant('discover');
      const { registry } = asServiceAccount(scope, { pods: false });
      await listsAll(registry);
      expect(await write(registry, request(await listed(registry, 'web', '10.0.0.1:80'), DEAD))).toBe(
        'refused',
      );
    } finally {
      await server.call('PUT', path, role);
    }
  });

  it('is content with roles in the namespaces that are named', async () => {
    await using scope = new AsyncDisposableStack();
    for (const role of ROLES) await revoke(role);
    const roleRef = (role: Role) => ({
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: `sonde-${role}`,
    });
    const subjects = [{ kind: 'ServiceAccount', name: 'sonde', namespace: 'sonde' }];
    const path = `${RBAC}/namespaces/default/rolebindings`;
    for (const role of ROLES)
      await server.call('POST', path, {
        metadata: { name: `sonde-${role}` },
        roleRef: roleRef(role),
        subjects,
      });
    try {
      const { registry } = asServiceAccount(scope, { namespaces: ['default'] });
      await listsAll(registry);
      await writes(registry, request(await listed(registry, 'web', '10.0.0.1:80'), DEAD));
      const everywhere = asServiceAccount(scope).registry;
      await expect(listOnce(everywhere)).rejects.toMatchObject({ code: 'forbidden' });
    } finally {
      await server.call('DELETE', path);
    }
  });

  it('is unauthorised when its account is gone, and still tells nothing wrong', async () => {
    await using scope = new AsyncDisposableStack();
    const { registry } = asServiceAccount(scope);
    await listsAll(registry);
    const follower = new Follower(registry);
    scope.defer(() => follower.stop());
    await follower.until((services) => services.size === 2);
    await server.call('DELETE', '/api/v1/namespaces/sonde/serviceaccounts/sonde');
    await expect.poll(() => follower.error, PATIENCE).toMatchObject({ code: 'unauthorised' });
    expect(follower.services.size).toBe(2);
  });
});
