/** EndpointSlices and Pods as lists and watches told them, by service. */

import type { ServiceName } from '../../core/instance.ts';
import { serviceKey } from '../shared/told.ts';
import { serviceOfSlice } from './names.ts';
import { type EndpointSlice, type Pod, type Thing, thingKey } from './objects.ts';
import type { KubernetesOptions } from './options.ts';

interface Members<T> {
  readonly name: ServiceName;
  readonly things: Map<string, T>;
}

export class View {
  readonly #options: KubernetesOptions;
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #pods = new Map<string, Pod>();
  readonly #slicesOf = new Map<string, Members<EndpointSlice>>();
  readonly #podsOf = new Map<string, Members<Pod>>();
  /** Services whose slices name a Pod, by its key. */
  readonly #served = new Map<string, Map<string, ServiceName>>();

  constructor(options: KubernetesOptions) {
    this.#options = options;
  }

  services(): readonly ServiceName[] {
    return [...this.#members().values()].map(({ name }) => name);
  }

  has(service: ServiceName): boolean {
    return this.#members().has(serviceKey(service));
  }

  /** In the order of their names. */
  slices(service: ServiceName): readonly EndpointSlice[] {
    return sorted(this.#slicesOf.get(serviceKey(service)));
  }

  pods(service: ServiceName): readonly Pod[] {
    return sorted(this.#podsOf.get(serviceKey(service)));
  }

  pod(key: string): Pod | undefined {
    return this.#pods.get(key);
  }

  /** Whether the Pod is among the instances of the service. */
  serves(podKey: string, service: ServiceName): boolean {
    const key = serviceKey(service);
    return this.#served.get(podKey)?.has(key) === true || this.#podsOf.get(key)?.things.has(podKey) === true;
  }

  /** The services that it is or was about. */
  put(thing: Thing): readonly ServiceName[] {
    return [...this.delete(thing), ...this.#add(thing)];
  }

  delete(thing: Thing): readonly ServiceName[] {
    const key = thingKey(thing);
    if (thing.kind === 'Pod') {
      const before = this.#pods.get(key);
      this.#pods.delete(key);
      return before === undefined ? [] : this.#leave(this.#podsOf, key, this.#about(before));
    }
    const before = this.#slices.get(key);
    this.#slices.delete(key);
    const service = before === undefined ? undefined : serviceOfSlice(before);
    if (before === undefined || service === undefined) return [];
    const services = this.#leave(this.#slicesOf, key, [service]);
    this.#forget(before, service);
    return services;
  }

  #add(thing: Thing): readonly ServiceName[] {
    const key = thingKey(thing);
    if (thing.kind === 'Pod') {
      this.#pods.set(key, thing);
      const services = this.#about(thing);
      for (const service of services)
        if (this.#options.source === 'pods') enter(this.#podsOf, service, key, thing);
      return services;
    }
    this.#slices.set(key, thing);
    const service = serviceOfSlice(thing);
    if (service === undefined) return [];
    enter(this.#slicesOf, service, key, thing);
    for (const pod of podsNamedBy(thing)) {
      const services = this.#served.get(pod) ?? new Map<string, ServiceName>();
      this.#served.set(pod, services.set(serviceKey(service), service));
    }
    return [service];
  }

  /** Services to which a Pod matters. */
  #about(pod: Pod): readonly ServiceName[] {
    if (this.#options.source === 'endpoint-slices')
      return [...(this.#served.get(thingKey(pod))?.values() ?? [])];
    const service = pod.metadata.labels[this.#options.serviceLabel] ?? '';
    return service === '' ? [] : [{ namespace: pod.metadata.namespace, service }];
  }

  /** Other slices of the service may name the same Pods. */
  #forget(slice: EndpointSlice, service: ServiceName): void {
    const others = new Set(this.slices(service).flatMap(podsNamedBy));
    for (const pod of podsNamedBy(slice)) {
      if (others.has(pod)) continue;
      const services = this.#served.get(pod);
      services?.delete(serviceKey(service));
      if (services?.size === 0) this.#served.delete(pod);
    }
  }

  #leave<T>(
    members: Map<string, Members<T>>,
    key: string,
    services: readonly ServiceName[],
  ): readonly ServiceName[] {
    for (const service of services) {
      const here = members.get(serviceKey(service));
      here?.things.delete(key);
      if (here?.things.size === 0) members.delete(serviceKey(service));
    }
    return services;
  }

  #members(): ReadonlyMap<string, Members<Thing>> {
    return this.#options.source === 'pods' ? this.#podsOf : this.#slicesOf;
  }
}

function enter<T>(members: Map<string, Members<T>>, name: ServiceName, key: string, thing: T): void {
  const here = members.get(serviceKey(name)) ?? { name, things: new Map<string, T>() };
  members.set(serviceKey(name), here);
  here.things.set(key, thing);
}

function sorted<T>(members: Members<T> | undefined): readonly T[] {
  return [...(members?.things ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, thing]) => thing);
}

function podsNamedBy({ metadata, endpoints }: EndpointSlice): readonly string[] {
  return endpoints.flatMap(({ targetRef }) =>
    targetRef?.kind === 'Pod' ? [`${targetRef.namespace || metadata.namespace}/${targetRef.name}`] : [],
  );
}
