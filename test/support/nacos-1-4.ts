/**
 * What Nacos 1.4 answers, by its documentation and source (tag 1.4.7): no server of it could be had. Its listing with
 * instances counts pages from 0, changes are seen at once, and a provider that registers again replaces everything.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Fields, Harness } from '../contracts/registry.contract.ts';

interface Stored {
  readonly ip: string;
  readonly port: number;
  readonly clusterName: string;
  weight: number;
  enabled: boolean;
  healthy: boolean;
  readonly ephemeral: boolean;
  metadata: Record<string, string>;
}

interface Service {
  readonly hosts: Map<string, Stored>;
  checker: { type: string };
  checkerMetadata: Record<string, string>;
}

export class Nacos14 implements Harness {
  /** By namespace and grouped name. */
  readonly services = new Map<string, Service>();
  readonly #ephemeral: boolean;
  readonly calls: string[] = [];
  /** Logins that were asked for; tokens are numbered by them. */
  logins = 0;
  /** The only token that is taken; undefined: none is needed. */
  token: string | undefined;
  tokenTtl = 18_000;
  #server: Server | undefined;
  #port = 0;

  private constructor(ephemeral: boolean) {
    this.#ephemeral = ephemeral;
  }

  static async start(scope: AsyncDisposableStack, ephemeral = true): Promise<Nacos14> {
    const nacos = new Nacos14(ephemeral);
    await nacos.recover();
    scope.defer(() => nacos.outage());
    return nacos;
  }

  get options() {
    const servers = [`http://127.0.0.1:${this.#port}`];
    const namespaces = [{ id: 'public', name: 'default' }];
    return { servers, namespaces, poll: '300ms', fullPoll: '900ms', restartGrace: '0ms' };
  }

  put(service: string, key: string, fields: Fields = {}): Promise<void> {
    const found = this.#service(`DEFAULT_GROUP@@${service}`);
    const [ip = '', port = ''] = key.split(':');
    const { weight = 1, enabled = true, metadata = {} } = fields;
    found.hosts.set(key, {
      ip,
      port: Number(port),
      clusterName: 'DEFAULT',
      weight,
      enabled,
      healthy: found.hosts.get(key)?.healthy ?? true,
      ephemeral: this.#ephemeral,
      metadata: { ...metadata },
    });
    return Promise.resolve();
  }

  remove(service: string, key: string): Promise<void> {
    this.#service(`DEFAULT_GROUP@@${service}`).hosts.delete(key);
    return Promise.resolve();
  }

  async outage(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  async recover(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  bytes(): Promise<string> {
    const all = [...this.services].map(([name, { hosts }]) => [name, [...hosts]]);
    return Promise.resolve(JSON.stringify(all));
  }

  edit(service: string, key: string, change: { readonly health?: string; readonly weight?: number }) {
    const host = this.seen(service, key);
    if (host !== undefined && change.weight !== undefined) host.weight = change.weight;
    if (host !== undefined && change.health !== undefined) {
      const mark = JSON.parse(host.metadata.sonde ?? '{}') as object;
      host.metadata.sonde = JSON.stringify({ ...mark, health: change.health });
    }
    return Promise.resolve();
  }

  weight(service: string, key: string): Promise<number | undefined> {
    return Promise.resolve(this.seen(service, key)?.weight);
  }

  seen(service: string, key: string): Stored | undefined {
    return this.services.get(`DEFAULT_GROUP@@${service}`)?.hosts.get(key);
  }

  setChecker(service: string, type: string): void {
    this.#service(`DEFAULT_GROUP@@${service}`).checker = { type };
  }

  #service(name: string): Service {
    const found = this.services.get(name) ?? {
      hosts: new Map<string, Stored>(),
      checker: { type: this.#ephemeral ? 'TCP' : 'NONE' },
      checkerMetadata: {},
    };
    this.services.set(name, found);
    return found;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://nacos');
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const params = new Map([...searchParams, ...form]);
    const call = `${incoming.method} ${pathname.replace('/nacos', '')}`;
    this.calls.push(call);
    const [status, body] = this.#answer(call, params, incoming.headers.authorization);
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  #answer(call: string, params: ReadonlyMap<string, string>, bearer = ''): readonly [number, unknown] {
    if (call === 'POST /v1/auth/users/login') {
      if (params.get('password') !== 'right') return [403, 'unknown user!'];
      this.token = `token-${++this.logins}`;
      return [200, { accessToken: this.token, tokenTtl: this.tokenTtl, globalAdmin: true }];
    }
    if (!call.includes('/v1/ns/') && call !== 'GET /v1/console/namespaces')
      return [404, { status: 404, error: 'Not Found' }];
    if (this.token !== undefined && bearer !== `Bearer ${this.token}`) return [403, 'token expired!'];
    const found = this.services.get(params.get('serviceName') ?? '');
    const key = `${params.get('ip')}:${params.get('port')}`;
    const host = found?.hosts.get(key);
    switch (call) {
      case 'GET /v1/console/namespaces':
        return [200, { code: 200, message: null, data: [{ namespace: '', namespaceShowName: 'public' }] }];
      case 'GET /v1/ns/catalog/services':
        return [200, this.#catalog(params)];
      case 'GET /v1/ns/catalog/instances':
        if (found === undefined) return [404, `serviceName ${params.get('serviceName')} is not found!`];
        return [200, { list: [...found.hosts.values()], count: found.hosts.size }];
      case 'GET /v1/ns/catalog/service': {
        if (found === undefined) return [404, `service ${params.get('serviceName')} is not found!`];
        const cluster = {
          name: 'DEFAULT',
          healthChecker: found.checker,
          metadata: found.checkerMetadata,
          defaultPort: 80,
          defaultCheckPort: 80,
          useIPPort4Check: true,
        };
        return [200, { service: { name: params.get('serviceName') }, clusters: [cluster] }];
      }
      case 'GET /v1/ns/instance/list':
        return [200, { hosts: this.#served(found) }];
      case 'PATCH /v1/ns/instance':
        if (host === undefined) return [404, 'instance not found'];
        if (params.has('weight')) host.weight = Number(params.get('weight'));
        if (params.has('enabled')) host.enabled = params.get('enabled') === 'true';
        return [200, 'ok'];
      case 'PUT /v1/ns/instance/metadata/batch':
      case 'DELETE /v1/ns/instance/metadata/batch':
        return [200, { updated: this.#batch(call, params, found) }];
      case 'PUT /v1/ns/health/instance':
        if (found?.checker.type !== 'NONE') return [400, 'health check is still working, service: web'];
        if (host !== undefined) host.healthy = params.get('healthy') === 'true';
        return [200, 'ok'];
      case 'PUT /v1/ns/cluster':
        if (found === undefined) return [400, 'service not found'];
        found.checker = JSON.parse(params.get('healthChecker') ?? '') as { type: string };
        found.checkerMetadata = JSON.parse(params.get('metadata') ?? '{}') as Record<string, string>;
        return [200, 'ok'];
      default:
        return [501, `no such api:${call}`];
    }
  }

  #catalog(params: ReadonlyMap<string, string>): unknown {
    const page = Number(params.get('pageNo'));
    const size = Number(params.get('pageSize'));
    const like = new RegExp(
      `.*${params.get('groupNameParam') ?? ''}.*@@.*${params.get('serviceNameParam') ?? ''}.*`,
    );
    const all = [...this.services].filter(([name]) => like.test(name));
    if (params.get('withInstances') !== 'true')
      return {
        count: all.length,
        serviceList: all.slice((page - 1) * size, page * size).map(([grouped, { hosts }]) => {
          const [groupName, name] = grouped.split('@@');
          const healthyInstanceCount = [...hosts.values()].filter(({ healthy }) => healthy).length;
          return {
            name,
            groupName,
            clusterCount: Math.min(1, hosts.size),
            ipCount: hosts.size,
            healthyInstanceCount,
          };
        }),
      };
    return all.slice(page * size, (page + 1) * size).map(([name, { hosts }]) => {
      const [groupName, serviceName] = name.split('@@');
      const told = [...hosts.values()].map(({ ip, port, weight, enabled, healthy, metadata }) => ({
        ip,
        port,
        weight,
        enabled,
        valid: healthy,
        metadata,
      }));
      const clusterMap = told.length === 0 ? {} : { DEFAULT: { hosts: told } };
      return { serviceName, groupName, metadata: {}, clusterMap };
    });
  }

  /** With the protection that is always there in 1.x: at a threshold of 0 all of them dead are all of them healthy. */
  #served(found: Service | undefined): readonly Stored[] {
    const shown = [...(found?.hosts.values() ?? [])].filter(({ enabled }) => enabled);
    const protects = !shown.some(({ healthy }) => healthy);
    return shown.map((host) => ({ ...host, healthy: host.healthy || protects }));
  }

  #batch(call: string, params: ReadonlyMap<string, string>, found: Service | undefined): readonly string[] {
    const wanted = JSON.parse(params.get('instances') ?? '[]') as { ip: string; port: number }[];
    const metadata = JSON.parse(params.get('metadata') ?? '{}') as Record<string, string>;
    return wanted.flatMap(({ ip, port }) => {
      const host = found?.hosts.get(`${ip}:${port}`);
      if (host === undefined) return [];
      for (const [key, value] of Object.entries(metadata))
        if (call.startsWith('PUT')) host.metadata[key] = value;
        else delete host.metadata[key];
      return [`${ip}:${port}:unknown:DEFAULT`];
    });
  }
}
