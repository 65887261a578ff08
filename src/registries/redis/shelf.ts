/** All instances of a Redis as they were last read, by key and by service. */

import type { Entry, ServiceName } from '../../core/instance.ts';
import { serviceKey } from '../shared/told.ts';
import type { Place } from './key-pattern.ts';

interface Slot {
  readonly place: Place;
  /** Undefined where the value does not say what an instance is. */
  readonly entry: Entry | undefined;
}

export class Shelf {
  readonly #keys = new Map<string, Slot>();
  readonly #services = new Map<string, { readonly name: ServiceName; readonly keys: Set<string> }>();

  keys(): Iterable<string> {
    return this.#keys.keys();
  }

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  get(key: string): Slot | undefined {
    return this.#keys.get(key);
  }

  set(key: string, slot: Slot): void {
    this.#keys.set(key, slot);
    const { namespace, service } = slot.place;
    const text = serviceKey(slot.place);
    const here = this.#services.get(text) ?? { name: { namespace, service }, keys: new Set<string>() };
    this.#services.set(text, here);
    here.keys.add(key);
  }

  delete(key: string): void {
    const slot = this.#keys.get(key);
    const here = slot === undefined ? undefined : this.#services.get(serviceKey(slot.place));
    if (slot === undefined || here === undefined) return;
    this.#keys.delete(key);
    here.keys.delete(key);
    if (here.keys.size === 0) this.#services.delete(serviceKey(slot.place));
  }

  services(): readonly ServiceName[] {
    return [...this.#services.values()].map(({ name }) => name);
  }

  /** In the order of ids; undefined where there is no such service. */
  entries(service: ServiceName): readonly Entry[] | undefined {
    const here = this.#services.get(serviceKey(service));
    if (here === undefined) return undefined;
    return [...here.keys]
      .flatMap((key) => this.#keys.get(key)?.entry ?? [])
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
