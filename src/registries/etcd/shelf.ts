/** All keys below one prefix as the listing and the watch told them, by service. */

import type { ServiceName } from '../../core/instance.ts';
import { serviceKey } from '../shared/told.ts';
import type { Change, Listing } from './api.ts';
import { placeOf } from './record.ts';
import type { KeyValue } from './wire.ts';

interface Service {
  readonly name: ServiceName;
  readonly instances: Map<string, KeyValue>;
}

export class Shelf {
  readonly prefix: string;
  readonly #keys = new Set<string>();
  readonly #services = new Map<string, Service>();
  #revision: bigint;

  constructor(prefix: string, { kvs, revision }: Listing) {
    this.prefix = prefix;
    this.#revision = BigInt(revision);
    for (const kv of kvs) this.#put(kv);
  }

  /** Keys, those of another form among them. */
  get size(): number {
    return this.#keys.size;
  }

  hasKey(rawKey: string): boolean {
    return this.#keys.has(rawKey);
  }

  /** The newest that is known here. */
  get revision(): bigint {
    return this.#revision;
  }

  services(): readonly ServiceName[] {
    return [...this.#services.values()].map(({ name }) => name);
  }

  has(service: ServiceName): boolean {
    return this.#services.has(serviceKey(service));
  }

  /** The instances of a service by id, in the order of ids. */
  instances(service: ServiceName): readonly (readonly [id: string, kv: KeyValue])[] {
    const found = this.#services.get(serviceKey(service))?.instances ?? [];
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get(service: ServiceName, id: string): KeyValue | undefined {
    return this.#services.get(serviceKey(service))?.instances.get(id);
  }

  /** The service that it was about, if it was about one. */
  apply({ deleted, kv }: Change): ServiceName | undefined {
    const revision = BigInt(kv.modRevision);
    if (revision > this.#revision) this.#revision = revision;
    return deleted ? this.#delete(kv) : this.#put(kv);
  }

  #put(kv: KeyValue): ServiceName | undefined {
    this.#keys.add(kv.rawKey);
    const place = placeOf(kv.key, this.prefix);
    if (place === undefined) return undefined;
    const { namespace, service, id } = place;
    const name = { namespace, service };
    const here = this.#services.get(serviceKey(name)) ?? { name, instances: new Map<string, KeyValue>() };
    this.#services.set(serviceKey(name), here);
    here.instances.set(id, kv);
    return name;
  }

  #delete({ key, rawKey }: KeyValue): ServiceName | undefined {
    this.#keys.delete(rawKey);
    const place = placeOf(key, this.prefix);
    const here = place === undefined ? undefined : this.#services.get(serviceKey(place));
    if (place === undefined || here === undefined) return undefined;
    here.instances.delete(place.id);
    if (here.instances.size === 0) this.#services.delete(serviceKey(place));
    return here.name;
  }
}
