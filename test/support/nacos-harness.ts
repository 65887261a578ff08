/** How the registry contract acts on a real Nacos, past sonde. */

import type { Fields, Harness } from '../contracts/registry.contract.ts';
import type { NacosServer } from './nacos-server.ts';

export interface SeenHost {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly enabled: boolean;
  readonly healthy: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

let namespaces = 0;

export class NacosHarness implements Harness {
  readonly server: NacosServer;
  readonly namespace: string;
  readonly options: object;
  readonly #ephemeral: boolean;

  private constructor(server: NacosServer, ephemeral: boolean, namespace: string) {
    this.server = server;
    this.namespace = namespace;
    this.#ephemeral = ephemeral;
    const named = [{ id: namespace, name: 'default' }];
    this.options = {
      servers: [server.url],
      namespaces: named,
      poll: '300ms',
      fullPoll: '900ms',
      restartGrace: '0ms',
    };
  }

  /** A namespace of its own on a shared server. */
  static async on(server: NacosServer, ephemeral: boolean): Promise<NacosHarness> {
    const namespace = `t${++namespaces}-${process.pid}`;
    await server.createNamespace(namespace);
    await server.recover();
    return new NacosHarness(server, ephemeral, namespace);
  }

  async put(service: string, key: string, fields: Fields = {}): Promise<void> {
    const { weight = 1, enabled = true, metadata = {} } = fields;
    await this.register(service, key, { weight, enabled, metadata: JSON.stringify(metadata) });
    if (!this.#ephemeral) await this.setChecker(service, 'NONE');
    await this.until(
      service,
      key,
      (host) =>
        host !== undefined &&
        Object.entries(metadata).every(([name, value]) => host.metadata[name] === value) &&
        ('sonde' in host.metadata || (host.weight === weight && host.enabled === enabled)),
    );
  }

  async register(
    service: string,
    key: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): Promise<void> {
    const path = this.server.isV3 ? '/v3/client/ns/instance' : '/v1/ns/instance';
    await this.server.do('POST', path, {
      ...this.#place(service, key),
      ephemeral: this.#ephemeral,
      ...fields,
    });
  }

  async deregister(service: string, key: string): Promise<void> {
    const path = this.server.isV3 ? '/v3/client/ns/instance' : '/v1/ns/instance';
    await this.server.do('DELETE', path, { ...this.#place(service, key), ephemeral: this.#ephemeral });
  }

  async remove(service: string, key: string): Promise<void> {
    await this.deregister(service, key);
    await this.until(service, key, (host) => host === undefined);
  }

  async outage(): Promise<void> {
    await this.server.outage();
  }

  async recover(): Promise<void> {
    await this.server.recover();
  }

  async bytes(pageSize = 100): Promise<string> {
    return this.server.isV3
      ? this.server.do('GET', '/v3/admin/ns/service/list', {
          namespaceId: this.namespace,
          withInstances: true,
          pageNo: 1,
          pageSize,
        })
      : this.server.do('GET', '/v1/ns/catalog/services', {
          namespaceId: this.namespace,
          withInstances: true,
          pageNo: 1,
          pageSize,
        });
  }

  async edit(
    service: string,
    key: string,
    { health, weight }: { readonly health?: string; readonly weight?: number },
  ): Promise<void> {
    const host = await this.seen(service, key);
    if (health !== undefined) {
      const mark = { ...(JSON.parse(host?.metadata.sonde ?? '{}') as object), health };
      await this.setMetadata(service, key, { sonde: JSON.stringify(mark) });
      await this.until(service, key, (now) => now?.metadata.sonde === JSON.stringify(mark));
    }
    if (weight !== undefined) {
      await this.setValues(service, key, { weight, enabled: host?.enabled ?? true });
      await this.until(service, key, (now) => now?.weight === weight);
    }
  }

  async weight(service: string, key: string): Promise<number | undefined> {
    return (await this.seen(service, key))?.weight;
  }

  /** As the console of Nacos does it. */
  async setValues(
    service: string,
    key: string,
    values: { readonly weight: number; readonly enabled: boolean },
  ): Promise<void> {
    const params = { ...this.#place(service, key), ephemeral: this.#ephemeral, ...values };
    if (this.server.isV3) await this.server.do('PUT', '/v3/admin/ns/instance/partial', params);
    else await this.server.do('PATCH', '/v1/ns/instance', params);
  }

  async setMetadata(service: string, key: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    const { ip, port, clusterName, ...place } = this.#place(service, key);
    const base = this.server.isV3 ? '/v3/admin/ns/instance' : '/v1/ns/instance';
    await this.server.do('PUT', `${base}/metadata/batch`, {
      ...place,
      metadata: JSON.stringify(metadata),
      consistencyType: this.#ephemeral ? 'ephemeral' : 'persist',
      instances: JSON.stringify([{ ip, port, clusterName }]),
    });
  }

  async setChecker(service: string, type: string): Promise<void> {
    const { ip: _a, port, ...place } = this.#place(service, '10.0.0.1:80');
    await this.server.do('PUT', this.server.isV3 ? '/v3/admin/ns/cluster' : '/v1/ns/cluster', {
      ...place,
      checkPort: port,
      useInstancePort4Check: true,
      healthChecker: JSON.stringify({ type }),
    });
  }

  /** `none` of none: as Nacos says it. */
  async checkerType(service: string): Promise<string> {
    const { namespaceId, serviceName, ...rest } = this.#place(service, '10.0.0.1:80');
    const group = 'groupName' in rest ? { groupName: rest.groupName } : {};
    const path = this.server.isV3 ? '/v3/admin/ns/service' : '/v1/ns/catalog/service';
    const text = await this.server.do('GET', path, { namespaceId, serviceName, ...group });
    return /"healthChecker":\{"type":"([A-Z]+)"/.exec(text)?.[1] ?? '';
  }

  async seen(service: string, key: string): Promise<SeenHost | undefined> {
    const { ip, port, ...place } = this.#place(service, key);
    const { status, text } = this.server.isV3
      ? await this.server.call('GET', '/v3/admin/ns/instance/list', place)
      : await this.server.call('GET', '/v1/ns/catalog/instances', { ...place, pageNo: 1, pageSize: 100 });
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`${status} ${text}`);
    const decoded = JSON.parse(text) as { data?: readonly SeenHost[]; list?: readonly SeenHost[] };
    return (decoded.data ?? decoded.list ?? []).find((host) => host.ip === ip && host.port === port);
  }

  /** What is told lags behind what was done by up to half a second. */
  async until(service: string, key: string, holds: (host: SeenHost | undefined) => boolean): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (holds(await this.seen(service, key))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${service} ${key} did not come to be: ${JSON.stringify(await this.seen(service, key))}`);
  }

  /** `service` as sonde calls it, `key` as well. */
  #place(service: string, key: string) {
    const [, group = 'DEFAULT_GROUP', name = ''] = /^(?:(.+)@@)?(.+)$/.exec(service) ?? [];
    const [, cluster = 'DEFAULT', ip = '', port = ''] = /^(?:(.+)\/)?(.+):([0-9]+)$/.exec(key) ?? [];
    const named = this.server.isV3
      ? { groupName: group, serviceName: name }
      : { serviceName: `${group}@@${name}` };
    return { namespaceId: this.namespace, ...named, clusterName: cluster, ip, port: Number(port) };
  }
}
