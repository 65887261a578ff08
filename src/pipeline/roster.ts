/** Who is there: the instances that the registries told last, and how a new telling differs from the one before. */

import type { Entry, Instance, InstanceId, ServiceName } from '../core/instance.ts';
import { hashId } from '../lib/hash.ts';

export interface RosterChange {
  readonly added: readonly Instance[];
  /** Something but the identity changed. */
  readonly changed: readonly Instance[];
  readonly removed: readonly Instance[];
}

type Members = ReadonlyMap<InstanceId, Instance>;

const NOBODY: Members = new Map();

export class Roster {
  readonly #registries = new Map<string, Map<string, Members>>();

  /** How many instances the registry has; `service` narrows it to one. */
  size(registry: string, service?: ServiceName): number {
    const services = this.#registries.get(registry);
    if (services === undefined) return 0;
    if (service !== undefined) return services.get(serviceKey(service))?.size ?? 0;
    let total = 0;
    for (const members of services.values()) total += members.size;
    return total;
  }

  services(registry: string): readonly ServiceName[] {
    return [...(this.#registries.get(registry)?.keys() ?? [])].map(parseServiceKey);
  }

  /** Takes the whole truth about one service; an empty list also when the service is gone. */
  apply(registry: string, service: ServiceName, entries: readonly Entry[]): RosterChange {
    const services = this.#registries.get(registry) ?? new Map<string, Members>();
    this.#registries.set(registry, services);
    const key = serviceKey(service);
    const before = services.get(key) ?? NOBODY;
    const after = new Map<InstanceId, Instance>();
    for (const entry of entries) {
      const instance = toInstance(registry, service, entry);
      after.set(instance.id, instance);
    }
    if (after.size > 0) services.set(key, after);
    else services.delete(key);
    return diff(before, after);
  }
}

/** Same identity, same id, in every process. */
export function instanceId(registry: string, service: ServiceName, entry: Entry): InstanceId {
  return hashId(registry, service.namespace, service.service, entry.key, entry.incarnation) as InstanceId;
}

function toInstance(registry: string, service: ServiceName, entry: Entry): Instance {
  return {
    ...entry,
    namespace: service.namespace,
    service: service.service,
    registry,
    id: instanceId(registry, service, entry),
  };
}

function diff(before: Members, after: Members): RosterChange {
  const added: Instance[] = [];
  const changed: Instance[] = [];
  for (const [id, instance] of after) {
    const old = before.get(id);
    if (old === undefined) added.push(instance);
    else if (!sameInstance(old, instance)) changed.push(instance);
  }
  const removed = [...before.values()].filter((instance) => !after.has(instance.id));
  return { added, changed, removed };
}

function sameInstance(a: Instance, b: Instance): boolean {
  if (a.revision !== '' && a.revision === b.revision && a.mark === undefined && b.mark === undefined)
    return true;
  return JSON.stringify(a) === JSON.stringify(b);
}

export function serviceKey(service: ServiceName): string {
  return JSON.stringify([service.namespace, service.service]);
}

function parseServiceKey(key: string): ServiceName {
  const [namespace, service] = JSON.parse(key) as [string, string];
  return { namespace, service };
}
