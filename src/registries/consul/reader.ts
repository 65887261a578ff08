/** Reads a catalog and follows it: waits for news of every service, or of as many as may be waited for at once. */

import type { Entry, ServiceName } from '../../core/instance.ts';
import type { RegistryDeps } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { Channel } from '../../lib/channel.ts';
import { serviceKey, Told } from '../shared/told.ts';
import type { Answer, ConsulApi } from './api.ts';
import type { ConsulOptions } from './options.ts';
import { namespacesOf, questionOf } from './question.ts';
import { entryOf } from './record.ts';
import { Shelf } from './shelf.ts';
import { Turns } from './turns.ts';
import type { Found } from './wire.ts';

/** That Consul lives and has a leader is confirmed this often, milliseconds. */
const HEARTBEAT = 3_000;

/** Between two questions about the same, lest changes that never end are asked about without pause, milliseconds. */
const PAUSE = 100;

/**
 * Where there are more services than may be waited for, each has its turn within this time, milliseconds. With what Consul
 * adds to every wait at random it is less than 10 s.
 */
const ROUND = 9_000;

/** A service of which something changed, or a sign of life. */
type Item = Shelf | 'beat';

export class Reader {
  readonly #options: ConsulOptions;
  readonly #api: ConsulApi;
  readonly #deps: RegistryDeps;
  readonly #shelves: Map<string, Shelf>;
  /** Of the list of services, by namespace. */
  readonly #indexes: Map<string, number>;
  /** Instances without a port: each is said once. */
  readonly #unusable: Set<string>;

  /** Reads once; `before` is who read before a failure: what is missing since must be truly gone. */
  constructor(options: ConsulOptions, api: ConsulApi, deps: RegistryDeps, before: Reader | undefined) {
    this.#options = options;
    this.#api = api;
    this.#deps = deps;
    const shelves = before === undefined ? [] : [...before.#shelves];
    this.#shelves = new Map(shelves.map(([key, shelf]) => [key, shelf.copy()]));
    this.#indexes = before === undefined ? new Map() : new Map(before.#indexes);
    this.#unusable = before === undefined ? new Set() : before.#unusable;
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    signal.throwIfAborted();
    const told = new Told();
    const arrived = new Channel<Item>();
    const turns = new Turns<Shelf>();
    const closing = new AbortController();
    const onAbort = (): void => {
      closing.abort(signal.reason);
      arrived.fail(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const sources: Promise<void>[] = [];
    const start = (run: () => Promise<void>): void => {
      sources.push(run().catch((error: unknown) => arrived.fail(error)));
    };
    try {
      await this.#refuseBlindness(closing.signal);
      await this.#listAll(closing.signal);
      for (const shelf of this.#shelves.values()) {
        yield* this.#tell(shelf, told);
        turns.put(shelf);
      }
      yield { kind: 'synced' };
      for (let i = 0; i < this.#options.watches; i++)
        start(() => this.#watch(turns, arrived, closing.signal));
      if (this.#options.services === undefined)
        for (const namespace of namespacesOf(this.#options))
          start(() => this.#followList(namespace, turns, arrived, closing.signal));
      start(() => this.#beat(arrived, closing.signal));
      for (;;) {
        const items = new Set(await arrived.take());
        for (const item of items) if (item !== 'beat') yield* this.#tell(item, told);
        if (items.has('beat')) yield { kind: 'synced' };
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      closing.abort(new Error('closed'));
      await Promise.all(sources);
    }
  }

  /** Without a token Consul does not say what it leaves out (agent/consul/rpc.go: maskResultsFilteredByACLs). */
  async #refuseBlindness(signal: AbortSignal): Promise<void> {
    const { token, tokenFile, anonymous } = this.#options;
    if (token !== undefined || tokenFile !== undefined || anonymous) return;
    if (!(await this.#api.aclsEnabled(signal))) return;
    throw this.#api.error(
      'unauthorised',
      'ACLs are on',
      'give a token: what nobody may see cannot be told from what is not there (anonymous: true goes without)',
    );
  }

  async #listAll(signal: AbortSignal): Promise<void> {
    const found = new Map<string, Shelf>();
    for (const namespace of namespacesOf(this.#options)) {
      const names = this.#options.services ?? (await this.#list(namespace, 0, 0, signal)).value;
      for (const service of names) {
        const name = { namespace, service };
        found.set(serviceKey(name), this.#shelves.get(serviceKey(name)) ?? new Shelf(name));
      }
    }
    const nodes = this.#nodesName();
    if (nodes !== undefined)
      found.set(serviceKey(nodes), this.#shelves.get(serviceKey(nodes)) ?? new Shelf(nodes));
    // What is no longer listed is asked about by name: a listing may have been left incomplete.
    const all = [...new Map([...this.#shelves, ...found]).values()];
    const left = [...all];
    const ask = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift())
        await this.#read(next, 0, signal);
    };
    const asking = Array.from({ length: Math.min(this.#options.watches, all.length) }, ask);
    await Promise.all(asking);
    const now = this.#deps.clock.now();
    this.#shelves.clear();
    for (const shelf of all) {
      const stays = found.has(serviceKey(shelf.name)) || shelf.entries(now) !== undefined;
      if (stays) this.#shelves.set(serviceKey(shelf.name), shelf);
    }
  }

  async #list(
    namespace: string,
    index: number,
    wait: number,
    signal: AbortSignal,
  ): Promise<Answer<readonly string[]>> {
    const question = { ...questionOf(namespace, this.#options), index, wait };
    const answer = await this.#api.services(question, signal);
    if (answer.filtered && (!this.#options.partial || answer.value.length === 0))
      throw this.#api.error(
        'forbidden',
        'the list of services',
        'the token may not see all of it: give it service:read and node:read on all, name services, or set partial: true',
      );
    if (answer.index < (this.#indexes.get(namespace) ?? 0)) this.#goBack();
    this.#indexes.set(namespace, answer.index);
    return answer;
  }

  /** Waits for services that come and go. */
  async #followList(
    namespace: string,
    turns: Turns<Shelf>,
    arrived: Channel<Item>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#deps;
    let index = this.#indexes.get(namespace) ?? 0;
    for (;;) {
      const asked = clock.now();
      const answer = await this.#list(namespace, index, this.#options.wait, signal);
      index = answer.index < index ? 0 : answer.index;
      const names = new Set(answer.value);
      for (const service of names) {
        const name = { namespace, service };
        const key = serviceKey(name);
        if (this.#shelves.has(key)) continue;
        const shelf = new Shelf(name);
        this.#shelves.set(key, shelf);
        await this.#read(shelf, 0, signal);
        arrived.push(shelf);
        turns.put(shelf);
      }
      for (const [key, shelf] of this.#shelves) {
        if (shelf.name.namespace !== namespace || names.has(shelf.name.service)) continue;
        if (this.#isNodes(shelf)) continue;
        if (!(await this.#isEmpty(shelf, signal))) continue;
        shelf.empty();
        arrived.push(shelf);
        if (shelf.entries(clock.now()) !== undefined) continue;
        shelf.gone = true;
        this.#shelves.delete(key);
      }
      await clock.sleep(Math.max(0, asked + PAUSE - clock.now()), signal);
    }
  }

  /** Waits for news of one service after the other; several of these run side by side. */
  async #watch(turns: Turns<Shelf>, arrived: Channel<Item>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      const shelf = await turns.take(signal);
      if (shelf.gone) continue;
      const asked = clock.now();
      if (await this.#read(shelf, this.#waitNow(), signal)) arrived.push(shelf);
      await clock.sleep(Math.max(0, asked + PAUSE - clock.now()), signal);
      turns.put(shelf);
    }
  }

  /** As long as allowed, but so that everyone has a turn; a house that is nearly full makes room for newcomers. */
  #waitNow(): number {
    const { watches, wait } = this.#options;
    const services = this.#shelves.size;
    if (services <= watches * 0.75) return wait;
    return Math.min(wait, services <= watches ? ROUND : (ROUND * watches) / services);
  }

  /** Asks about a service; true where the answer may be new. */
  async #read(shelf: Shelf, wait: number, signal: AbortSignal): Promise<boolean> {
    const { name } = shelf;
    const index = wait === 0 ? 0 : shelf.index;
    const question = { ...questionOf(name.namespace, this.#options), index, wait };
    const { value, ...answer } = await this.#api.instances(name.service, question, undefined, signal);
    if (answer.filtered) this.#refuseShrinking(shelf, value);
    // A token that may see more than before sees it at the same index.
    const same = index > 0 && answer.index === index && !this.#options.partial;
    // Of nodes the index says nothing about their checks.
    if (shelf.gone || (same && !this.#isNodes(shelf))) return false;
    const entries = value.flatMap((found) => this.#entryOf(found));
    if (shelf.take(entries, answer.index) === 'back') this.#goBack();
    return true;
  }

  /** External nodes are a service that the catalog does not list. */
  #nodesName(): ServiceName | undefined {
    const { externalNodes } = this.#options;
    const [namespace = ''] = namespacesOf(this.#options);
    return externalNodes === undefined ? undefined : { namespace, service: externalNodes.service };
  }

  #isNodes({ name }: Shelf): boolean {
    return name.service === this.#options.externalNodes?.service;
  }

  /** A service that is no longer listed is gone only if Consul says so when asked about it by name. */
  async #isEmpty(shelf: Shelf, signal: AbortSignal): Promise<boolean> {
    const { namespace, service } = shelf.name;
    const question = questionOf(namespace, this.#options);
    const { value, filtered } = await this.#api.health(service, question, undefined, signal);
    if (filtered) this.#refuseShrinking(shelf, value);
    return value.length === 0;
  }

  #refuseShrinking(shelf: Shelf, value: readonly Found[]): void {
    const here = new Set(value.flatMap((found) => this.#entryOf(found)).map(({ key }) => key));
    if (this.#options.partial && here.size > 0 && shelf.isWithin(here)) return;
    throw this.#api.error(
      'forbidden',
      `service ${shelf.name.service}`,
      'the token may not see all of its instances: give it service:read on the service and node:read on its nodes',
    );
  }

  #entryOf(found: Found): readonly Entry[] {
    const entry = entryOf(found, this.#options);
    if (entry !== undefined) return [entry];
    const { Node, Service } = found;
    const id = `${Node.Node}/${Service.ID}`;
    if (!this.#unusable.has(id)) {
      if (this.#unusable.size > 10_000) this.#unusable.clear();
      this.#unusable.add(id);
      const about = { registry: this.#deps.name, service: Service.Service, instance: id };
      this.#deps.log.warn('A service of Consul has no port, and is left out', about);
    }
    return [];
  }

  /** Consul was restored to what it was, or lost what it had: those that are missing register again within minutes. */
  #goBack(): void {
    const { clock, log, name } = this.#deps;
    const { restartGrace, stale } = this.#options;
    const now = clock.now();
    for (const shelf of this.#shelves.values()) shelf.index = 0;
    // One of several servers may be behind the one that answered before.
    if (stale) return;
    for (const shelf of this.#shelves.values()) shelf.keep(now + restartGrace, now);
    log.warn('Consul has gone back in time: what is missing is waited for', {
      registry: name,
      milliseconds: restartGrace,
    });
  }

  /** Silence is no sign of life: whoever waits for news of a server that hangs waits in vain. */
  async #beat(arrived: Channel<Item>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      await clock.sleep(HEARTBEAT, signal);
      await this.#api.confirm(signal);
      for (const shelf of this.#shelves.values()) if (shelf.isOver(clock.now())) arrived.push(shelf);
      arrived.push('beat');
    }
  }

  *#tell(shelf: Shelf, told: Told): Generator<Snapshot> {
    yield* told.tell(shelf.name, shelf.entries(this.#deps.clock.now()));
  }
}
