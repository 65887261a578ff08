/** What a registry told of each service, so that only what has changed is told again. */

import type { Entry, ServiceName } from '../../core/instance.ts';
import type { Snapshot } from '../../core/snapshot.ts';

export class Told {
  readonly #services = new Map<string, { readonly name: ServiceName; readonly text: string }>();

  /** The snapshot of the service, unless it is what was told last; `entries` undefined: there is no such service. */
  *tell(name: ServiceName, entries: readonly Entry[] | undefined): Generator<Snapshot> {
    const key = serviceKey(name);
    const { namespace, service } = name;
    const before = this.#services.get(key)?.text;
    if (entries === undefined) {
      if (this.#services.delete(key)) yield { kind: 'gone', namespace, service };
      return;
    }
    const text = JSON.stringify(entries);
    if (text === before) return;
    this.#services.set(key, { name, text });
    yield { kind: 'service', namespace, service, entries };
  }

  /** All services told and not gone since. */
  names(): readonly ServiceName[] {
    return [...this.#services.values()].map(({ name }) => name);
  }
}

/** Unambiguous whatever the names hold. */
export function serviceKey({ namespace, service }: ServiceName): string {
  return JSON.stringify([namespace, service]);
}
