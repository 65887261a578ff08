/** What kubelets, the endpointslice controller and registrars do in a cluster, done by tests against a real apiserver. */

import { type KubeApiserver, MERGE, STRATEGIC } from './kube-apiserver.ts';

export const GATE = 'sonde.io/healthy';
const SLICES = '/apis/discovery.k8s.io/v1';

export interface PodFields {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly gates?: readonly string[];
  readonly ready?: boolean;
  readonly ip: string;
  readonly port?: number;
}

export interface EndpointFields {
  readonly ip: string;
  /** Name and UID of the Pod behind it. */
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly conditions?: Readonly<Record<string, boolean>>;
}

export interface SliceFields {
  readonly service: string;
  readonly endpoints: readonly EndpointFields[];
  readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedBy?: string;
  readonly addressType?: 'IPv4' | 'IPv6';
}

type Json = Record<string, unknown>;

export class Cluster {
  readonly server: KubeApiserver;
  readonly namespace: string;

  constructor(server: KubeApiserver, namespace = 'default') {
    this.server = server;
    this.namespace = namespace;
  }

  async createNamespace(): Promise<void> {
    await this.server.call('POST', '/api/v1/namespaces', { metadata: { name: this.namespace } });
  }

  podPath(name = ''): string {
    return `/api/v1/namespaces/${this.namespace}/pods${name === '' ? '' : `/${name}`}`;
  }

  slicePath(name = ''): string {
    return `${SLICES}/namespaces/${this.namespace}/endpointslices${name === '' ? '' : `/${name}`}`;
  }

  /** As the kubelet has it once the containers run; its UID. */
  async createPod(name: string, fields: PodFields): Promise<string> {
    const { labels = {}, annotations = {}, gates = [GATE], ready = true, ip, port = 80 } = fields;
    const { metadata } = await this.server.call('POST', this.podPath(), {
      metadata: { name, labels, annotations },
      spec: {
        containers: [{ name: 'app', image: 'app', ports: [{ name: 'http', containerPort: port }] }],
        readinessGates: gates.map((conditionType) => ({ conditionType })),
      },
    });
    await this.setPodStatus(name, { phase: 'Running', podIP: ip, podIPs: [{ ip }] });
    await this.setReady(name, ready);
    return String((metadata as Json).uid);
  }

  async setReady(name: string, ready: boolean): Promise<void> {
    const conditions = [{ type: 'ContainersReady', status: ready ? 'True' : 'False' }];
    await this.setPodStatus(name, { conditions });
  }

  async setPodStatus(name: string, status: object): Promise<void> {
    await this.server.call('PATCH', `${this.podPath(name)}/status`, { status }, STRATEGIC);
  }

  async pod(name: string): Promise<Json | undefined> {
    const { status, body } = await this.server.ask('GET', this.podPath(name));
    return status === 404 ? undefined : body;
  }

  async condition(name: string, type = GATE): Promise<Record<string, string> | undefined> {
    const { conditions = [] } = ((await this.pod(name))?.status ?? {}) as {
      conditions?: Record<string, string>[];
    };
    return conditions.find((one) => one.type === type);
  }

  async deletePod(name: string): Promise<void> {
    await this.server.call('DELETE', `${this.podPath(name)}?gracePeriodSeconds=0`);
  }

  async createSlice(name: string, fields: SliceFields): Promise<void> {
    const { service, endpoints, ports = [{ port: 80 }], labels = {}, annotations = {} } = fields;
    await this.server.call('POST', this.slicePath(), {
      metadata: {
        name,
        annotations,
        labels: {
          ...labels,
          'kubernetes.io/service-name': service,
          'endpointslice.kubernetes.io/managed-by': fields.managedBy ?? 'endpointslice-controller.k8s.io',
        },
      },
      addressType: fields.addressType ?? 'IPv4',
      ports: ports.map((port) => ({ protocol: 'TCP', ...port })),
      endpoints: endpoints.map((one) => this.#endpoint(one)),
    });
  }

  /** The registrar's next list. */
  async setEndpoints(name: string, endpoints: readonly EndpointFields[]): Promise<void> {
    const patch = { endpoints: endpoints.map((one) => this.#endpoint(one)) };
    await this.server.call('PATCH', this.slicePath(name), patch, MERGE);
  }

  async slice(name: string): Promise<Json | undefined> {
    const { status, body } = await this.server.ask('GET', this.slicePath(name));
    return status === 404 ? undefined : body;
  }

  async sliceMetadata(
    name: string,
  ): Promise<{ readonly annotations?: Readonly<Record<string, string>>; readonly generation?: number }> {
    return ((await this.slice(name))?.metadata ?? {}) as object;
  }

  async endpoints(name: string): Promise<readonly { readonly conditions?: Record<string, boolean> }[]> {
    return ((await this.slice(name))?.endpoints ?? []) as { conditions?: Record<string, boolean> }[];
  }

  async deleteSlice(name: string): Promise<void> {
    await this.server.call('DELETE', this.slicePath(name));
  }

  /** A Pod and a slice of its own for it; the Pod's UID. */
  async serve(service: string, name: string, fields: PodFields): Promise<string> {
    const uid = await this.createPod(name, fields);
    const endpoints = [{ ip: fields.ip, pod: { name, uid } }];
    await this.createSlice(name, { service, endpoints, ports: [{ name: 'http', port: fields.port ?? 80 }] });
    return uid;
  }

  /** Everything that sonde may have written. */
  async bytes(): Promise<string> {
    const [pods, slices] = await Promise.all(
      [this.podPath(), this.slicePath()].map((path) => this.server.call('GET', path)),
    );
    return JSON.stringify([pods?.items, slices?.items]);
  }

  async clear(): Promise<void> {
    await this.server.call('DELETE', `${this.podPath()}?gracePeriodSeconds=0`);
    await this.server.call('DELETE', this.slicePath());
  }

  #endpoint({ ip, pod, conditions }: EndpointFields): object {
    return {
      addresses: [ip],
      ...(conditions === undefined ? {} : { conditions }),
      ...(pod === undefined ? {} : { targetRef: { kind: 'Pod', namespace: this.namespace, ...pod } }),
    };
  }
}
