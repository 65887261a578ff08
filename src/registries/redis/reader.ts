/** Reads a keyspace and follows it: scans again and again, and reads between scans what hints name. */

import type { ServiceName } from '../../core/instance.ts';
import type { RegistryDeps } from '../../core/registry.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { serviceKey, Told } from '../shared/told.ts';
import { Hints } from './hints.ts';
import type { KeyPattern } from './key-pattern.ts';
import type { RedisOptions } from './options.ts';
import { entryOf, fieldsOf, readCommand } from './record.ts';
import { type Scan, scan } from './scan.ts';
import type { Servers } from './servers.ts';
import { Shelf } from './shelf.ts';

/** Between two readings of hinted keys, so that many changes are read together, milliseconds. */
const PAUSE = 100;

/** Where every change is hinted at, all values are read again only this often, milliseconds. */
const FULL = 60_000;

/** What was known when it was last known for sure. */
interface Known {
  readonly shelf: Shelf;
  readonly lives: string;
}

export class Reader {
  readonly #options: RedisOptions;
  readonly #pattern: KeyPattern;
  readonly #servers: Servers;
  readonly #deps: RegistryDeps;
  #known: Known | undefined;
  /** `Clock.now()` until which a server that started anew may be missing what providers will tell it again. */
  #graceUntil = 0;
  /** Keys whose value could not be read: each is said once. */
  #unreadable = new Set<string>();

  constructor(options: RedisOptions, pattern: KeyPattern, servers: Servers, deps: RegistryDeps) {
    this.#options = options;
    this.#pattern = pattern;
    this.#servers = servers;
    this.#deps = deps;
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const { clock, name } = this.#deps;
    const told = new Told();
    for (;;) {
      signal.throwIfAborted();
      const { masters, text } = await this.#servers.route(signal);
      const { database } = this.#options;
      const hints = await Hints.open(masters, database, this.#pattern.glob, this.#servers, name, signal);
      try {
        const shelf = new Shelf();
        let fullAt = Number.NEGATIVE_INFINITY;
        for (;;) {
          const started = clock.now();
          const found = await scan(this.#pattern.glob, this.#servers, name, signal);
          for (const connection of found.servers) await hints.ask(connection, signal);
          const full = !hints.complete || clock.now() - fullAt >= FULL;
          if (full) fullAt = clock.now();
          await this.#sweep(shelf, found, full, signal);
          yield* tell([...shelf.services(), ...told.names()], shelf, told);
          yield { kind: 'synced' };
          for await (const keys of this.#hinted(hints, started, signal)) {
            const touched = await this.#read(shelf, keys, clock.now() < this.#graceUntil, signal);
            yield* tell(touched, shelf, told);
          }
          // Other servers have other events.
          if ((await this.#servers.route(signal)).text !== text) break;
        }
      } finally {
        hints.close();
      }
    }
  }

  /** Makes the shelf what the scan found. */
  async #sweep(shelf: Shelf, { keys, lives }: Scan, full: boolean, signal: AbortSignal): Promise<void> {
    const before = this.#known;
    if (before !== undefined && before.lives !== lives && before.shelf.size > 0) {
      this.#graceUntil = this.#deps.clock.now() + this.#options.restartGrace;
      this.#deps.log.warn('A server of Redis was started anew or replaced: what is missing is waited for', {
        registry: this.#deps.name,
        milliseconds: this.#options.restartGrace,
      });
    }
    const grace = this.#deps.clock.now() < this.#graceUntil;
    if (grace && before !== undefined && before.shelf !== shelf)
      for (const key of before.shelf.keys()) {
        const slot = before.shelf.get(key);
        if (slot !== undefined && !shelf.has(key)) shelf.set(key, slot);
      }
    // A key that a scan has not met is gone only when its server says so: it may be moving between two.
    const missed = [...shelf.keys()].filter((key) => !keys.has(key));
    const wanted = full ? [...keys] : [...keys].filter((key) => !shelf.has(key));
    await this.#read(shelf, [...missed, ...wanted], grace, signal);
    this.#known = { shelf, lives };
    for (const key of this.#unreadable) if (!keys.has(key)) this.#unreadable.delete(key);
  }

  /** Reads these keys; tells the services that they are of. What is gone stays where `keep` says so. */
  async #read(
    shelf: Shelf,
    keys: readonly string[],
    keep: boolean,
    signal: AbortSignal,
  ): Promise<readonly ServiceName[]> {
    const ours = keys.filter((key) => this.#pattern.placeOf(key) !== undefined);
    const commands = ours.map((key) => ({ key, command: readCommand(key, this.#options) }));
    const answers = await this.#servers.ask(commands, signal);
    const touched: ServiceName[] = [];
    for (const [index, key] of ours.entries()) {
      const answer = answers[index];
      const place = this.#pattern.placeOf(key);
      if (answer === undefined || place === undefined) continue;
      // A value of another type is no instance; every other refusal means that the truth is not to be had.
      const wrongType = 'error' in answer && / WRONGTYPE /.test(answer.error.message);
      if ('error' in answer && !wrongType) throw answer.error;
      const fields = 'error' in answer ? undefined : fieldsOf(answer.value, this.#options);
      touched.push(place);
      if (fields === 'gone') {
        if (!keep) shelf.delete(key);
        continue;
      }
      const entry = fields === undefined ? undefined : entryOf(fields, place, this.#options);
      if (entry === undefined) this.#tellUnreadable(key);
      else this.#unreadable.delete(key);
      shelf.set(key, { place, entry });
    }
    return touched;
  }

  /** Batches of hinted keys until it is time for the next scan; the last one began at `started`. */
  async *#hinted(hints: Hints, started: number, signal: AbortSignal): AsyncGenerator<readonly string[]> {
    const { clock } = this.#deps;
    const end = Math.max(started + this.#options.poll, clock.now() + PAUSE);
    while (clock.now() < end) {
      using deadline = clock.deadline(end - clock.now(), signal);
      const keys = await hints.take(deadline.signal);
      signal.throwIfAborted();
      if (keys.length === 0) return;
      yield keys;
      await clock.sleep(Math.min(PAUSE, Math.max(0, end - clock.now())), signal);
    }
  }

  #tellUnreadable(key: string): void {
    if (this.#unreadable.has(key)) return;
    this.#unreadable.add(key);
    this.#deps.log.warn('A key does not say what an instance is, and is left out', {
      registry: this.#deps.name,
      key,
    });
  }
}

function* tell(names: readonly ServiceName[], shelf: Shelf, told: Told): Generator<Snapshot> {
  for (const name of new Map(names.map((one) => [serviceKey(one), one])).values())
    yield* told.tell(name, shelf.entries(name));
}
