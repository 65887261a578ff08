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
import { Channel } from '../../lib/channel.ts';
import { EtcdApi } from './api.ts';
import { type EtcdOptions, etcdOptions } from './options.ts';
import { entryOf, keyOf, type Place, placeOf } from './record.ts';
import type { KeyValue } from './wire.ts';
import { writeMark } from './writer.ts';

export const etcdRegistry: RegistryPlugin<EtcdOptions> = {
  name: 'etcd',
  summary:
    'Instances are JSON values under a prefix of an etcd v3; health goes into the same key or one of its own.',
  capabilities: { writes: true, incarnations: true },
  options: etcdOptions,
  create: (given, deps) => new EtcdRegistry(given, deps),
};

/** A hung server is noticed, and life confirmed, this often, milliseconds. */
const HEARTBEAT = 3_000;
/** The watch is checked against a whole listing this often. */
const RELIST = 60_000;

class EtcdRegistry implements Registry {
  readonly batchSize = 64;
  readonly #options: EtcdOptions;
  readonly #deps: RegistryDeps;
  readonly #api: EtcdApi;
  /** Keys whose value could not be read, by revision: each is said once. */
  readonly #unreadable = new Map<string, string>();

  constructor(given: EtcdOptions, deps: RegistryDeps) {
    this.#options = given;
    this.#deps = deps;
    this.#api = new EtcdApi(given, deps);
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const told: Told = new Map();
    for (;;) {
      const { keys, revision } = await this.#list(signal);
      yield* this.#differences(keys, told);
      yield { kind: 'synced' };
      yield* this.#followUntilDoubt(keys, told, revision, signal);
    }
  }

  async write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    return Promise.all(requests.map((request) => writeMark(request, this.#options, this.#api, signal)));
  }

  get #prefixes(): readonly string[] {
    const { prefix, statusPrefix } = this.#options;
    return statusPrefix === undefined ? [prefix] : [prefix, statusPrefix];
  }

  async #list(
    signal: AbortSignal,
  ): Promise<{ readonly keys: Map<string, KeyValue>; readonly revision: string }> {
    const listings = await Promise.all(this.#prefixes.map((prefix) => this.#api.list(prefix, signal)));
    const keys = new Map(listings.flatMap(({ kvs }) => kvs.map((kv) => [kv.key, kv] as const)));
    // From the older of two listings on: what is told twice does no harm, what is missed would.
    const revision = listings.map((listing) => BigInt(listing.revision)).reduce((a, b) => (a < b ? a : b));
    return { keys, revision: String(revision) };
  }

  /** Follows the watch; returns when another listing is wanted: after a compaction, a lost watch, or a while. */
  async *#followUntilDoubt(
    keys: Map<string, KeyValue>,
    told: Told,
    revision: string,
    signal: AbortSignal,
  ): AsyncGenerator<Snapshot> {
    const news = new Channel<News>();
    const closing = new AbortController();
    const onAbort = (): void => {
      closing.abort(signal.reason);
      news.fail(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const from = String(BigInt(revision) + 1n);
    const sources = [
      ...this.#prefixes.map((prefix) => this.#watch(prefix, from, news, closing.signal)),
      this.#beat(news, closing.signal),
    ];
    try {
      let beats = 0;
      let wrong = 0;
      while (beats < RELIST / HEARTBEAT && wrong < 2) {
        const touched = new Map<string, ServiceName>();
        let synced = false;
        for (const one of await news.take()) {
          if (one.kind === 'lost') return;
          if (one.kind === 'change') this.#apply(keys, one, touched);
          else {
            synced = true;
            beats++;
            // Once it may be on its way; a second time the watch has lost something.
            wrong = one.count === keys.size ? 0 : wrong + 1;
          }
        }
        yield* this.#differences(keys, told, touched);
        if (synced) yield { kind: 'synced' };
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      closing.abort(new Error('closed'));
      await Promise.all(sources);
    }
  }

  /** Pushes what the watch tells until it ends; never rejects. */
  async #watch(prefix: string, from: string, news: Channel<News>, signal: AbortSignal): Promise<void> {
    try {
      for await (const line of this.#api.watch(prefix, from, signal)) {
        if ('error' in line)
          throw new RegistryError('unreachable', `registry ${this.#deps.name}: watch: ${line.error.message}`);
        const { canceled, compact_revision, events } = line.result;
        // A cancelled watch leaves its stream open and silent: after a compaction, or when the token has expired.
        if (canceled || compact_revision !== '0') {
          this.#api.forgetToken();
          news.push({ kind: 'lost' });
          return;
        }
        for (const { type, kv } of events) news.push({ kind: 'change', deleted: type === 'DELETE', kv });
      }
    } catch (error) {
      news.fail(error);
    }
  }

  /** A watch does not show that its server hangs: asks every few seconds, and counts; never rejects. */
  async #beat(news: Channel<News>, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#deps.clock.sleep(HEARTBEAT, signal);
        const counts = await Promise.all(this.#prefixes.map((prefix) => this.#api.count(prefix, signal)));
        news.push({ kind: 'beat', count: counts.reduce((a, b) => a + b, 0) });
      }
    } catch (error) {
      news.fail(error);
    }
  }

  #apply(keys: Map<string, KeyValue>, { deleted, kv }: Change, touched: Map<string, ServiceName>): void {
    const known = keys.get(kv.key);
    // Two listings may have told it already.
    if (known !== undefined && BigInt(known.modRevision) > BigInt(kv.modRevision)) return;
    if (deleted) keys.delete(kv.key);
    else keys.set(kv.key, kv);
    const place = this.#placeOf(kv.key);
    if (place !== undefined) touched.set(serviceKey(place), place);
  }

  /** Of the prefix, or of the status prefix: a mark changes its service too. */
  #placeOf(key: string): Place | undefined {
    for (const prefix of this.#prefixes) {
      const place = placeOf(key, prefix);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** Snapshots of the services that are not as they were told last; `touched` narrows it to those that may have changed. */
  *#differences(
    keys: ReadonlyMap<string, KeyValue>,
    told: Told,
    touched?: ReadonlyMap<string, ServiceName>,
  ): Generator<Snapshot> {
    if (touched?.size === 0) return;
    const services = this.#services(keys, touched);
    for (const [key, { name, entries }] of services) {
      const text = JSON.stringify(entries);
      if (told.get(key)?.text === text) continue;
      told.set(key, { name, text });
      yield { kind: 'service', ...name, entries };
    }
    for (const [key, { name }] of told) {
      if (services.has(key) || (touched !== undefined && !touched.has(key))) continue;
      told.delete(key);
      yield { kind: 'gone', ...name };
    }
  }

  #services(
    keys: ReadonlyMap<string, KeyValue>,
    touched: ReadonlyMap<string, ServiceName> | undefined,
  ): ReadonlyMap<string, { readonly name: ServiceName; readonly entries: readonly Entry[] }> {
    const { prefix, statusPrefix } = this.#options;
    const services = new Map<string, { readonly name: ServiceName; readonly entries: Entry[] }>();
    for (const kv of keys.values()) {
      const place = placeOf(kv.key, prefix);
      if (place === undefined) continue;
      const key = serviceKey(place);
      if (touched !== undefined && !touched.has(key)) continue;
      const status = statusPrefix === undefined ? undefined : keys.get(keyOf(statusPrefix, place));
      const entry = entryOf(kv, place.id, status);
      if (entry === undefined) {
        this.#tellUnreadable(kv);
        continue;
      }
      const { namespace, service } = place;
      const here = services.get(key) ?? { name: { namespace, service }, entries: [] };
      services.set(key, here);
      here.entries.push(entry);
    }
    for (const { entries } of services.values()) entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    return services;
  }

  #tellUnreadable({ key, modRevision }: KeyValue): void {
    if (this.#unreadable.get(key) === modRevision) return;
    this.#unreadable.set(key, modRevision);
    this.#deps.log.warn('A key does not say what an instance is, and is left out', {
      registry: this.#deps.name,
      key,
    });
  }
}

type Told = Map<string, { readonly name: ServiceName; readonly text: string }>;

interface Change {
  readonly kind: 'change';
  readonly deleted: boolean;
  readonly kv: KeyValue;
}

type News = Change | { readonly kind: 'beat'; readonly count: number } | { readonly kind: 'lost' };

function serviceKey({ namespace, service }: ServiceName): string {
  return `${namespace}/${service}`;
}
