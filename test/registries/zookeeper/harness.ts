/** How the contract acts on a real ZooKeeper, past sonde, in each layout. */

import type { Fields, Harness } from '../../contracts/registry.contract.ts';
import type { Peer, ZookeeperServer } from '../../support/zookeeper-server.ts';

/** Providers by service and key: each has a session of its own, in which its node stands. */
class Providers {
  readonly #server: ZookeeperServer;
  readonly #scope: AsyncDisposableStack;
  readonly #sessions = new Map<string, Peer>();
  readonly #paths = new Map<string, string>();

  constructor(server: ZookeeperServer, scope: AsyncDisposableStack) {
    this.#server = server;
    this.#scope = scope;
  }

  async put(name: string, path: string, data: string): Promise<void> {
    const session = this.#sessions.get(name) ?? (await this.#server.session(this.#scope));
    this.#sessions.set(name, session);
    const before = this.#paths.get(name);
    this.#paths.set(name, path);
    if (before === path) await session.put(path, data);
    else {
      await session.put(path, data, true);
      if (before !== undefined) await session.delete(before);
    }
  }

  async remove(name: string): Promise<void> {
    await this.#sessions.get(name)?.close();
    this.#sessions.delete(name);
    this.#paths.delete(name);
  }
}

const withSession = async <T>(server: ZookeeperServer, run: (peer: Peer) => Promise<T>): Promise<T> => {
  await using scope = new AsyncDisposableStack();
  return await run(await server.session(scope));
};

const common = (server: ZookeeperServer) => ({ servers: [server.address], timeout: '2s' });

const outages = (server: ZookeeperServer) => ({
  outage: () => server.kill(),
  recover: () => server.start(),
});

export interface PathOptions {
  readonly root: string;
  readonly marks?: 'value' | 'node';
}

export function pathHarness(
  server: ZookeeperServer,
  scope: AsyncDisposableStack,
  { root, marks = 'value' }: PathOptions,
): Harness {
  const providers = new Providers(server, scope);
  const pathOf = (service: string, key: string): string => `${root}/${service}/${key}`;
  const markOf = (service: string, key: string): string =>
    `/marks/${encodeURIComponent(root.slice(1))}/default:${service}/${encodeURIComponent(key)}`;
  const read = async (peer: Peer, path: string): Promise<Record<string, unknown>> =>
    JSON.parse((await peer.get(path)) ?? '{}') as Record<string, unknown>;
  return {
    options: {
      ...common(server),
      layout: 'path',
      pattern: `${root}/{service}/{id}`,
      marks,
      marksRoot: '/marks',
    },
    put(service, key, fields = {}) {
      const [host, port = '0'] = key.split(':');
      const data = JSON.stringify({ host, port: Number(port), ...fields });
      return providers.put(`${service} ${key}`, pathOf(service, key), data);
    },
    remove: (service, key) => providers.remove(`${service} ${key}`),
    ...outages(server),
    bytes: () =>
      withSession(server, async (peer) =>
        JSON.stringify([...(await peer.all(root)), ...(await peer.all('/marks'))]),
      ),
    edit: (service, key, { health, weight }) =>
      withSession(server, async (peer) => {
        const path = marks === 'node' ? markOf(service, key) : pathOf(service, key);
        const value = await read(peer, path);
        const changed =
          marks === 'node'
            ? { ...value, health }
            : {
                ...value,
                sonde: { ...(value.sonde as object), ...(health === undefined ? {} : { health }) },
                ...(weight === undefined ? {} : { weight }),
              };
        await peer.put(path, JSON.stringify(changed));
      }),
    weight: (service, key) =>
      withSession(
        server,
        async (peer) => (await read(peer, pathOf(service, key))).weight as number | undefined,
      ),
  };
}

/** The name of a provider's node as Dubbo 3.3 writes it. */
function providerNode(service: string, key: string, { weight, metadata, enabled }: Fields = {}): string {
  const query = {
    application: 'shop',
    dubbo: '2.0.2',
    dynamic: 'true',
    interface: service,
    methods: 'who',
    side: 'provider',
    timestamp: '1795819053438',
    ...metadata,
    ...(weight === undefined ? {} : { weight: String(weight) }),
    ...(enabled === false ? { disabled: 'true' } : {}),
  };
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  return encodeURIComponent(`dubbo://${key}/${service}?${pairs.join('&')}`);
}

export interface DubboOptions {
  readonly root: string;
  readonly rules?: 'both' | 'url' | 'document';
}

/** Dubbo's registration by interface. */
export function interfaceHarness(
  server: ZookeeperServer,
  scope: AsyncDisposableStack,
  { root, rules = 'both' }: DubboOptions,
): Harness {
  const providers = new Providers(server, scope);
  const marks = `/sonde${root}`;
  const configRoot = `${root}/config/dubbo`;
  const markOf = (service: string, key: string): string =>
    `${marks}/${encodeURIComponent(root.slice(1))}/default:${service}/${encodeURIComponent(key)}`;
  return {
    options: { ...common(server), root, rules, configRoot, marksRoot: marks },
    put: (service, key, fields) =>
      providers.put(
        `${service} ${key}`,
        `${root}/${service}/providers/${providerNode(service, key, fields)}`,
        '10.0.0.9',
      ),
    remove: (service, key) => providers.remove(`${service} ${key}`),
    ...outages(server),
    bytes: () =>
      withSession(server, async (peer) =>
        JSON.stringify([...(await peer.all(root)), ...(await peer.all(marks))]),
      ),
    edit: (service, key, { health, weight }) =>
      withSession(server, async (peer) => {
        if (health !== undefined) {
          const value = JSON.parse((await peer.get(markOf(service, key))) ?? '{}') as object;
          await peer.put(markOf(service, key), JSON.stringify({ ...value, health }));
        }
        if (weight !== undefined) await editWeight(peer, root, configRoot, service, key, weight);
      }),
    weight: (service, key) => withSession(server, (peer) => weightSeen(peer, root, configRoot, service, key)),
  };
}

/** As a console does it: the rule's node is replaced, the document rewritten. */
async function editWeight(
  peer: Peer,
  root: string,
  configRoot: string,
  service: string,
  key: string,
  weight: number,
): Promise<void> {
  const folder = `${root}/${service}/configurators`;
  for (const name of await peer.children(folder)) {
    if (!decodeURIComponent(name).startsWith(`override://${key}/`)) continue;
    await peer.delete(`${folder}/${name}`);
    await peer.put(`${folder}/${name.replace(/weight%3D[0-9]+/, `weight%3D${weight}`)}`, '');
  }
  const document = `${configRoot}/${service}::.configurators`;
  const text = await peer.get(document);
  if (text !== undefined) await peer.put(document, text.replace(/weight: [0-9]+/, `weight: ${weight}`));
}

/** What a consumer of Dubbo makes of the provider and the rules, by a reading of its own: 0 where disabled. */
async function weightSeen(
  peer: Peer,
  root: string,
  configRoot: string,
  service: string,
  key: string,
): Promise<number | undefined> {
  const named = (names: readonly string[], scheme: string): readonly string[] =>
    names.map(decodeURIComponent).filter((url) => url.startsWith(`${scheme}://${key}/`));
  const [provider] = named(await peer.children(`${root}/${service}/providers`), 'dubbo');
  if (provider === undefined) return undefined;
  const rules = named(await peer.children(`${root}/${service}/configurators`), 'override');
  const document = (await peer.get(`${configRoot}/${service}::.configurators`)) ?? '';
  const said = [...rules, document.includes(key) ? document : ''].join('\n');
  if (/disabled[=:] ?true/.test(said)) return 0;
  const [, ruled] = /\bweight[=:] ?([0-9]+)/.exec(said) ?? [];
  const [, own = '100'] = /[?&]weight=([0-9]+)/.exec(provider) ?? [];
  return Number(ruled ?? own);
}

/** Dubbo's registration by application; each application serves one interface, `com.shop.APPLICATION` 1.0.0 of group `g`. */
export function applicationHarness(
  server: ZookeeperServer,
  scope: AsyncDisposableStack,
  { root }: DubboOptions,
): Harness {
  const providers = new Providers(server, scope);
  const marks = `/sonde${root}`;
  const metadataRoot = `${root}-dubbo`;
  const configRoot = `${metadataRoot}/config/dubbo`;
  const documentOf = (service: string): string => `${configRoot}/com.shop.${service}:1.0.0:g.configurators`;
  const markOf = (service: string, key: string): string =>
    `${marks}/${encodeURIComponent(root.slice(1))}/default:${service}/${encodeURIComponent(key)}`;
  return {
    options: {
      ...common(server),
      layout: 'dubbo-applications',
      root,
      metadataRoot,
      configRoot,
      marksRoot: marks,
    },
    async put(service, key, { metadata = {}, enabled } = {}) {
      const [address, port] = key.split(':');
      await withSession(server, async (peer) => {
        const name = `com.shop.${service}`;
        await peer.put(`${metadataRoot}/mapping/${name}`, `other,${service}`);
        await peer.put(
          `${metadataRoot}/metadata/${name}/1.0.0/g/provider/${service}`,
          JSON.stringify({ parameters: { interface: name, version: '1.0.0', group: 'g' } }),
        );
      });
      const payload = {
        '@class': 'org.apache.dubbo.registry.zookeeper.ZookeeperInstance',
        id: key,
        metadata,
      };
      const data = {
        name: service,
        id: key,
        address,
        port: Number(port),
        payload,
        serviceType: 'DYNAMIC',
        enabled,
      };
      await providers.put(`${service} ${key}`, `${root}/${service}/${key}`, JSON.stringify(data));
    },
    remove: (service, key) => providers.remove(`${service} ${key}`),
    ...outages(server),
    bytes: () =>
      withSession(server, async (peer) =>
        JSON.stringify([
          ...(await peer.all(root)),
          ...(await peer.all(marks)),
          ...(await peer.all(configRoot)),
        ]),
      ),
    edit: (service, key, { health, weight }) =>
      withSession(server, async (peer) => {
        if (health !== undefined) {
          const value = JSON.parse((await peer.get(markOf(service, key))) ?? '{}') as object;
          await peer.put(markOf(service, key), JSON.stringify({ ...value, health }));
        }
        const text = (await peer.get(documentOf(service))) ?? '';
        if (weight !== undefined)
          await peer.put(documentOf(service), text.replace(/weight: [0-9]+/, `weight: ${weight}`));
      }),
    weight: (service) =>
      withSession(server, async (peer) => {
        const text = (await peer.get(documentOf(service))) ?? '';
        return /disabled: true/.test(text) ? 0 : Number(/weight: ([0-9]+)/.exec(text)?.[1] ?? 100);
      }),
  };
}
