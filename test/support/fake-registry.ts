/** A registry in memory for faults that a real one won't produce on demand: it fails, hangs, loses and refuses as told. */

import type { Entry } from '../../src/core/instance.ts';
import type { Mark } from '../../src/core/mark.ts';
import type { Receipt, Registry, RegistryError, WriteRequest } from '../../src/core/registry.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';

export interface WriteLogLine {
  readonly key: string;
  readonly value: string;
}

export class FakeRegistry implements Registry {
  readonly batchSize: number;
  renewEvery?: number;
  /** Told with every confirmation. */
  notices: readonly string[] = [];
  /** Every write that changed something, in order. */
  readonly writes: WriteLogLine[] = [];
  /** How often `write` was called. */
  batches = 0;
  /** Listings fail with this while set. */
  failing: RegistryError | undefined;
  /** Writes fail with this while set. */
  refusing: RegistryError | undefined;
  readonly #services = new Map<string, Map<string, Entry>>();
  readonly #listeners = new Set<() => void>();
  #revision = 1;

  constructor(batchSize = 64) {
    this.batchSize = batchSize;
  }

  /** Another one that says the same, and goes its own way from here. */
  copy(): FakeRegistry {
    const copy = new FakeRegistry(this.batchSize);
    for (const [service, entries] of this.#services) copy.#services.set(service, new Map(entries));
    copy.writes.push(...this.writes);
    copy.#revision = this.#revision;
    return copy;
  }

  /** `host:port` under a service of the namespace `default`. */
  put(service: string, key: string, fields: Partial<Entry> = {}): void {
    const [host = '', port = '0'] = key.split(':');
    const entries = this.#services.get(service) ?? new Map<string, Entry>();
    this.#services.set(service, entries);
    const entry: Entry = {
      key,
      incarnation: '',
      revision: String(this.#revision++),
      host,
      port: Number(port),
      metadata: {},
      enabled: true,
      draining: false,
      ...fields,
    };
    entries.set(key, entry);
    this.#notify();
  }

  remove(service: string, key?: string): void {
    if (key === undefined) this.#services.delete(service);
    else this.#services.get(service)?.delete(key);
    this.#notify();
  }

  /** What the registry says of an instance. */
  mark(service: string, key: string): Mark | undefined {
    return this.#services.get(service)?.get(key)?.mark;
  }

  /** Somebody changes what stands there, past sonde. */
  edit(service: string, key: string, change: (entry: Entry) => Entry): void {
    const entry = this.#services.get(service)?.get(key);
    if (entry === undefined) throw new Error(`no ${service} ${key}`);
    this.#services.get(service)?.set(key, { ...change(entry), revision: String(this.#revision++) });
    this.#notify();
  }

  /** It confirms itself, and says this besides. */
  say(...notices: string[]): void {
    this.notices = notices;
    this.#notify();
  }

  fail(error: RegistryError | undefined): void {
    this.failing = error;
    this.#notify();
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    const told = new Map<string, string>();
    for (;;) {
      signal.throwIfAborted();
      if (this.failing !== undefined) throw this.failing;
      for (const [service, entries] of this.#services) {
        const text = JSON.stringify([...entries]);
        if (told.get(service) === text) continue;
        told.set(service, text);
        yield { kind: 'service', namespace: 'default', service, entries: [...entries.values()] };
      }
      for (const service of told.keys()) {
        if (this.#services.has(service)) continue;
        told.delete(service);
        yield { kind: 'gone', namespace: 'default', service };
      }
      yield { kind: 'synced', notices: this.notices };
      await this.#changed(signal);
    }
  }

  write(requests: readonly WriteRequest[], signal: AbortSignal): Promise<readonly Receipt[]> {
    signal.throwIfAborted();
    this.batches++;
    if (requests.length > this.batchSize) throw new Error(`${requests.length} requests in a batch`);
    if (this.refusing !== undefined) return Promise.reject(this.refusing);
    return Promise.resolve(requests.map((request) => this.#write(request)));
  }

  #write({ instance, desired, writer, force }: WriteRequest): Receipt {
    const answer = (kind: Receipt['kind']): Receipt => ({ instance: instance.id, kind });
    const entry = this.#services.get(instance.service)?.get(instance.key);
    if (entry === undefined || entry.incarnation !== instance.incarnation) return answer('gone');
    const { mark, ...rest } = entry;
    if (mark !== undefined && !force && (mark.writer !== writer || !mark.intact)) return answer('contested');
    const value = desired.kind === 'release' ? 'release' : desired.health;
    if (desired.kind === 'release') {
      if (mark === undefined) return answer('unchanged');
      this.edit(instance.service, instance.key, () => rest);
    } else {
      if (mark?.health === desired.health && mark.reason === desired.reason) return answer('unchanged');
      const { health, reason, since } = desired;
      const original = mark?.original ?? {};
      this.edit(instance.service, instance.key, () => ({
        ...rest,
        mark: { writer, version: 1, health, reason, since, original, intact: true },
      }));
    }
    this.writes.push({ key: `${instance.service}/${instance.key}`, value });
    return answer('written');
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Until something changed; the caller's clock has no say: a watchdog that fires aborts. */
  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
