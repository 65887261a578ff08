/** The registry `etcd`: instances are keys below a prefix, followed by a watch that trusts neither silence nor itself. */

import type { Entry, ServiceName } from '../../core/instance.ts';
import {
  type Receipt,
  type Registry,
  type RegistryDeps,
  RegistryError,
  type RegistryPlugin,
  type WriteRequest,
} from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { serviceKey, Told } from '../shared/told.ts';
import { EtcdApi } from './api.ts';
import { follow } from './follow.ts';
import { type EtcdOptions, etcdOptions } from './options.ts';
import { entryOf, isStatusOf, keyOf } from './record.ts';
import { Shelf } from './shelf.ts';
import type { KeyValue } from './wire.ts';
import { removeOrphan, writeMark } from './writer.ts';

export const etcdRegistry: RegistryPlugin<EtcdOptions> = {
  name: 'etcd',
  summary:
    'Instances are JSON values under a prefix of an etcd v3; health goes into the same key or one of its own.',
  capabilities: {
    writes: true,
    incarnations: true,
    facts: {
      discovers: 'keys below a prefix',
      follows: 'push',
      writesTo: 'the same key, or one of its own',
      auth: ['password', 'client certificate'],
      mapping: { subHealthy: '`sub-healthy` in the value', dead: '`dead` in the value' },
      tested: ['etcd 3.4.23'],
      limits: 'v3 with its JSON gateway',
    },
  },
  options: etcdOptions,
  create: (given, deps) => new EtcdRegistry(given, deps),
};

/** Between a lost watch and the next listing, lest a server that always cancels is asked without pause. */
const RELIST_PAUSE = 250;

interface Shelves {
  readonly providers: Shelf;
  /** Where health has keys of its own. */
  readonly statuses: Shelf | undefined;
}

class EtcdRegistry implements Registry {
  readonly batchSize = 64;
  readonly #options: EtcdOptions;
  readonly #deps: RegistryDeps;
  readonly #api: EtcdApi;
  /** As last listed and followed. */
  #shelves: Shelves | undefined;
  /** Keys whose value could not be read, by revision: each is said once. */
  readonly #unreadable = new Map<string, string>();

  constructor(given: EtcdOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
    this.#api = new EtcdApi(given, deps);
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const told = new Told();
    for (;;) {
      const shelves = await this.#list(signal);
      this.#shelves = shelves;
      yield* this.#tell([...shelves.providers.services(), ...told.names()], shelves, told);
      yield { kind: 'synced' };
      const both = [shelves.providers, ...(shelves.statuses === undefined ? [] : [shelves.statuses])];
      for await (const news of follow(both, this.#api, this.#deps.clock, signal)) {
        yield* this.#tell(news.touched, shelves, told);
        if (news.confirmed) yield { kind: 'synced' };
      }
      await this.#deps.clock.sleep(RELIST_PAUSE, signal);
    }
  }

  /** Waits for all of them: one that was still under way could later put an old desire over a newer one. */
  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    const [written] = await Promise.all([
      Promise.allSettled(requests.map((request) => writeMark(request, this.#options, this.#api, signal))),
      this.#removeOrphans(requests[0]?.writer ?? '', signal),
    ]);
    const failures: unknown[] = [];
    const receipts = written.map((one, index): Receipt | undefined => {
      if (one.status === 'fulfilled') return one.value;
      failures.push(one.reason);
      const instance = requests[index]?.instance.id;
      const detail = one.reason instanceof RegistryError ? one.reason.message : undefined;
      return instance === undefined || detail === undefined
        ? undefined
        : { instance, kind: 'refused', detail };
    });
    // When nothing could be asked it is the registry that failed, not one of the instances.
    const fatal = failures.find((error) => !(error instanceof RegistryError));
    if (failures.length > 0 && (fatal !== undefined || failures.length === requests.length))
      throw fatal ?? failures[0];
    return receipts.filter((receipt) => receipt !== undefined);
  }

  /** Status keys of instances that have left go with the next write. Best effort: what fails stays for the one after. */
  async #removeOrphans(writer: string, signal: AbortSignal): Promise<void> {
    const { providers, statuses } = this.#shelves ?? {};
    if (providers === undefined || statuses === undefined) return;
    const orphans = statuses.services().flatMap((service) =>
      statuses
        .instances(service)
        .filter(([id, status]) => providers.get(service, id) === undefined && isStatusOf(status, writer))
        .map(([id, status]) => ({ status, key: keyOf(providers.prefix, { ...service, id }) })),
    );
    await Promise.allSettled(
      orphans.slice(0, this.batchSize).map(({ status, key }) => removeOrphan(status, key, this.#api, signal)),
    );
  }

  /** Both prefixes at one revision. */
  async #list(signal: AbortSignal): Promise<Shelves> {
    const { prefix, statusPrefix } = this.#options;
    const listing = await this.#api.list(prefix, undefined, signal);
    const providers = new Shelf(prefix, listing);
    if (statusPrefix === undefined) return { providers, statuses: undefined };
    const statuses = await this.#api.list(statusPrefix, listing.revision, signal);
    return { providers, statuses: new Shelf(statusPrefix, statuses) };
  }

  *#tell(names: Iterable<ServiceName>, shelves: Shelves, told: Told): Generator<Snapshot> {
    for (const name of new Map([...names].map((name) => [serviceKey(name), name])).values())
      yield* told.tell(name, this.#entries(name, shelves));
  }

  #entries(service: ServiceName, { providers, statuses }: Shelves): readonly Entry[] | undefined {
    const entries: Entry[] = [];
    for (const [id, kv] of providers.instances(service)) {
      const entry = entryOf(kv, id, statuses?.get(service, id));
      if (entry === undefined) this.#tellUnreadable(kv, providers);
      else entries.push(entry);
    }
    return providers.has(service) ? entries : undefined;
  }

  #tellUnreadable({ key, rawKey, modRevision }: KeyValue, providers: Shelf): void {
    if (this.#unreadable.get(rawKey) === modRevision) return;
    this.#unreadable.set(rawKey, modRevision);
    // What was said of keys that are gone need not be remembered.
    if (this.#unreadable.size > providers.size)
      for (const said of this.#unreadable.keys()) if (!providers.hasKey(said)) this.#unreadable.delete(said);
    this.#deps.log.warn('A key does not say what an instance is, and is left out', {
      registry: this.#deps.name,
      key,
    });
  }
}
