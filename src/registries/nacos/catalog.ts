/**
 * All services as they were last listed, and how they are kept so without listing everything each time.
 *
 * A short listing tells how many instances a service has and how many of them are healthy: what differs from what is known
 * is read again. It does not tell of weights, metadata and what is disabled, nor of one instance in the place of another:
 * everything is listed from time to time.
 */

import type { Clock } from '../../core/clock.ts';
import { groupedName, type Listing, type NacosApi, sizes } from './api.ts';

/** With more services than these to be read again, everything is listed at once. */
const ONE_BY_ONE = 32;

export class Catalog {
  readonly #api: NacosApi;
  readonly #clock: Clock;
  /** Milliseconds between two listings of everything. */
  readonly #full: number;
  /** By namespace and grouped name. */
  readonly #known = new Map<string, Map<string, Listing>>();
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(api: NacosApi, clock: Clock, full: number) {
    this.#api = api;
    this.#clock = clock;
    this.#full = full;
  }

  /** All services of these namespaces as of now, or a `RegistryError`. */
  async list(namespaces: readonly string[], signal: AbortSignal): Promise<readonly Listing[]> {
    const now = this.#clock.now();
    const full = now - this.#fullAt >= this.#full;
    if (full) this.#fullAt = now;
    for (const namespace of this.#known.keys())
      if (!namespaces.includes(namespace)) this.#known.delete(namespace);
    for (const namespace of namespaces) {
      const known = this.#known.get(namespace);
      if (full || known === undefined || !(await this.#catchUp(namespace, known, signal)))
        this.#known.set(namespace, byName(await this.#api.list(namespace, signal)));
    }
    return [...this.#known.values()].flatMap((services) => [...services.values()]);
  }

  /** False: too much has changed to be read one by one. */
  async #catchUp(namespace: string, known: Map<string, Listing>, signal: AbortSignal): Promise<boolean> {
    const glances = await this.#api.glance(namespace, signal);
    const told = new Map(glances.map((glance) => [groupedName(glance), glance]));
    const changed = glances.filter((glance) => {
      const before = known.get(groupedName(glance));
      return before === undefined || sizesOf(before) !== glance.sizes;
    });
    if (changed.length > ONE_BY_ONE) return false;
    const read = await Promise.all(changed.map((place) => this.#api.listOne(place, signal)));
    for (const name of known.keys()) if (!told.has(name)) known.delete(name);
    for (const [index, place] of changed.entries()) {
      const listing = read[index];
      // Gone since the short listing: the next one will not have it.
      if (listing !== undefined) known.set(groupedName(place), listing);
    }
    return true;
  }
}

function sizesOf({ hosts }: Listing): string {
  const clusters = new Set(hosts.map(({ cluster }) => cluster)).size;
  return sizes(clusters, hosts.length, hosts.filter(({ healthy }) => healthy).length);
}

function byName(listings: readonly Listing[]): Map<string, Listing> {
  return new Map(listings.map((listing) => [groupedName(listing), listing]));
}
