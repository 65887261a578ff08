/** Lists a Nacos again and again, and keeps what an outage would make it forget. */

import type { Entry, FoundMark } from '../../core/instance.ts';
import { type RegistryDeps, RegistryError } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { globListMatches } from '../../lib/glob.ts';
import { polled, type Services } from '../shared/polled.ts';
import { serviceKey } from '../shared/told.ts';
import { type Host, isSameHost, type Listing, type NacosApi, PUBLIC } from './api.ts';
import { Catalog } from './catalog.ts';
import { isEverything, keyOf, serviceNameOf } from './names.ts';
import type { NacosOptions } from './options.ts';
import { standingIn } from './standing.ts';

/** Clusters whose served state is asked for in one round; the others are asked in the next ones. */
const SERVED = 64;

export interface ReaderDeps extends Pick<RegistryDeps, 'name' | 'clock' | 'log'> {
  /** Finds out anew which API the servers answer. */
  readonly detect: (signal: AbortSignal) => Promise<NacosApi>;
  /** What sonde said of an instance that needed no mark for it. */
  readonly unmarked: (service: string, key: string, host: Host) => FoundMark | undefined;
}

interface Known {
  readonly entry: Entry;
  /** Undefined where the listing does not say. */
  readonly ephemeral: boolean | undefined;
}

export class Reader {
  readonly #options: NacosOptions;
  readonly #deps: ReaderDeps;
  /** Namespaces that had services: they are asked for even when they are no longer listed. */
  readonly #namespaces = new Set<string>();
  /** Of the last listing, by service and key. */
  #known: ReadonlyMap<string, ReadonlyMap<string, Known>> = new Map();
  #lost = false;
  /** `Clock.now()` until which providers may not have registered again. */
  #graceUntil = Number.NEGATIVE_INFINITY;
  #servedAt = 0;
  /** Addresses that are none: each is said once. */
  #unreadable = new Set<string>();

  constructor(options: NacosOptions, deps: ReaderDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    signal.throwIfAborted();
    try {
      const api = await this.#deps.detect(signal);
      const { clock } = this.#deps;
      const { poll, fullPoll } = this.#options;
      const catalog = new Catalog(api, clock, fullPoll);
      const list = async () => {
        const started = clock.now();
        const services = await this.#list(api, catalog, signal);
        // A listing that takes its time is part of the time between two.
        return { services, again: Math.max(poll / 2, poll - (clock.now() - started)) };
      };
      yield* polled(list, clock, signal);
    } catch (error) {
      // A server that was started again knows no ephemeral instance until its provider comes back to it.
      if (error instanceof RegistryError && error.code === 'unreachable') this.#lost = true;
      throw error;
    }
  }

  async #list(api: NacosApi, catalog: Catalog, signal: AbortSignal): Promise<Services> {
    const { clock, log, name } = this.#deps;
    const found = await catalog.list(await this.#whichNamespaces(api, signal), signal);
    for (const { namespace } of found) this.#namespaces.add(namespace);
    const listings = found.filter((one) => this.#isMeant(one)).map((one) => this.#within(one));
    if (this.#lost) {
      this.#lost = false;
      this.#graceUntil = clock.now() + this.#options.restartGrace;
      log.warn('Nacos is back: ephemeral instances that are missing are waited for', {
        registry: name,
        milliseconds: this.#options.restartGrace,
      });
    }
    const served = await this.#whatIsServed(api, listings, signal);
    const known = new Map<string, Map<string, Known>>();
    const services = new Map<string, Services[number]['name']>();
    for (const listing of listings) {
      const service = serviceNameOf(listing, this.#options.namespaces);
      const key = serviceKey(service);
      services.set(key, service);
      const here = new Map<string, Known>();
      known.set(key, here);
      for (const host of listing.hosts) {
        const entry = this.#entry(key, host, served.get(listing)?.get(keyOf(host)));
        if (entry !== undefined) here.set(entry.key, { entry, ephemeral: host.ephemeral });
      }
    }
    if (clock.now() < this.#graceUntil) this.#keepMissing(known, services);
    this.#known = known;
    return [...known].map(([key, here]) => ({
      name: services.get(key) ?? nameIn(key),
      entries: [...here.values()].map(({ entry }) => entry).sort((a, b) => (a.key < b.key ? -1 : 1)),
    }));
  }

  async #whichNamespaces(api: NacosApi, signal: AbortSignal): Promise<readonly string[]> {
    const { namespaces } = this.#options;
    const listed = await this.#listedNamespaces(api, signal);
    if (isEverything(namespaces)) return [...new Set([...(listed ?? []), ...this.#namespaces])];
    const ids = namespaces.map(({ id }) => id);
    // Of a namespace that does not exist Nacos answers that it has no services.
    const missing = ids.find(
      (id) => listed !== undefined && id !== PUBLIC && !listed.includes(id) && !this.#namespaces.has(id),
    );
    if (missing === undefined) return ids;
    throw new RegistryError(
      'protocol',
      `registry ${this.#deps.name}: there is no namespace with the id ${missing}; there are ${(listed ?? []).join(', ')}`,
    );
  }

  /** Undefined where they cannot be listed and need not be. */
  async #listedNamespaces(api: NacosApi, signal: AbortSignal): Promise<readonly string[] | undefined> {
    try {
      return await api.namespaces(signal);
    } catch (error) {
      if (isEverything(this.#options.namespaces) || !(error instanceof RegistryError)) throw error;
      if (['forbidden', 'unauthorised', 'unsupported'].includes(error.code)) return undefined;
      throw error;
    }
  }

  #isMeant({ group }: Listing): boolean {
    return globListMatches(this.#options.groups, group);
  }

  #within(listing: Listing): Listing {
    const { clusters } = this.#options;
    return { ...listing, hosts: listing.hosts.filter(({ cluster }) => globListMatches(clusters, cluster)) };
  }

  #entry(service: string, host: Host, served: string | undefined): Entry | undefined {
    const { markKey } = this.#options;
    const key = keyOf(host);
    if (host.port < 1 || host.port > 65_535) {
      this.#tellUnreadable(`${service} ${key}`);
      return undefined;
    }
    const { mark, own, record, lost, unsealed } = standingIn(host, markKey);
    const { [markKey]: _, ...metadata } = host.metadata;
    // Disabled by us is not out of service by its owner's will.
    const disabledByUs = record?.original.enabled !== undefined && !host.enabled;
    // Without a mark it is written again, and sealed.
    const found = lost || unsealed ? undefined : (mark ?? this.#deps.unmarked(service, key, host));
    return {
      key,
      incarnation: '',
      revision: '',
      host: host.ip,
      port: host.port,
      metadata: sorted(metadata),
      enabled: disabledByUs ? own.enabled : host.enabled,
      // Weight 0 is how providers drain in Nacos.
      draining: own.weight === 0,
      weight: own.weight,
      ...(found === undefined ? {} : { mark: found }),
      ...(served === undefined ? {} : { served }),
    };
  }

  /** What consumers are told of services that have something wrong, some of them in each round. */
  async #whatIsServed(
    api: NacosApi,
    listings: readonly Listing[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Listing, ReadonlyMap<string, string>>> {
    const suspects = listings.flatMap((listing) => {
      const clusters = new Set(listing.hosts.filter(({ healthy }) => !healthy).map(({ cluster }) => cluster));
      return [...clusters].map((cluster) => ({ listing, cluster }));
    });
    const found = new Map<Listing, Map<string, string>>();
    const from = suspects.length > SERVED ? this.#servedAt % suspects.length : 0;
    this.#servedAt = from + SERVED;
    const round = [...suspects.slice(from), ...suspects.slice(0, from)].slice(0, SERVED);
    await Promise.all(
      round.map(async ({ listing, cluster }) => {
        const seen = await askServed(api, { ...listing, cluster }, signal);
        const here = found.get(listing) ?? new Map<string, string>();
        found.set(listing, here);
        for (const host of seen === undefined ? [] : listing.hosts)
          if (host.cluster === cluster && !host.healthy && host.enabled) {
            const shown = seen?.find((one) => isSameHost(one, host));
            here.set(keyOf(host), shown?.healthy === true ? 'healthy, by protection' : 'unhealthy');
          }
      }),
    );
    return found;
  }

  #keepMissing(
    known: Map<string, Map<string, Known>>,
    services: Map<string, Services[number]['name']>,
  ): void {
    for (const [key, before] of this.#known) {
      const here = known.get(key) ?? new Map<string, Known>();
      for (const [id, one] of before) if (!here.has(id) && one.ephemeral !== false) here.set(id, one);
      if (here.size === 0) continue;
      known.set(key, here);
      services.set(key, services.get(key) ?? nameIn(key));
    }
  }

  #tellUnreadable(what: string): void {
    if (this.#unreadable.has(what)) return;
    if (this.#unreadable.size > 1_000) this.#unreadable = new Set();
    this.#unreadable.add(what);
    this.#deps.log.warn('An instance has no port to be reached at, and is left out', {
      registry: this.#deps.name,
      instance: what,
    });
  }
}

/** Undefined where it may not be asked: it is only shown. */
async function askServed(
  api: NacosApi,
  place: Parameters<NacosApi['served']>[0],
  signal: AbortSignal,
): Promise<readonly Host[] | undefined> {
  try {
    return await api.served(place, signal);
  } catch (error) {
    if (error instanceof RegistryError && error.code !== 'unreachable') return undefined;
    throw error;
  }
}

function nameIn(key: string): Services[number]['name'] {
  const [namespace = '', service = ''] = JSON.parse(key) as readonly string[];
  return { namespace, service };
}

/** Maps of Nacos have no order; what has not changed must look the same. */
function sorted(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
}
