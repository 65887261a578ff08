/** A registry in memory that remembers when each instance was written how: what consumers would see. */

import type { Clock } from '../../../src/core/clock.ts';
import type { Entry } from '../../../src/core/instance.ts';
import { type Receipt, type Registry, RegistryError, type WriteRequest } from '../../../src/core/registry.ts';
import type { Snapshot } from '../../../src/core/snapshot.ts';

export interface Written {
  readonly at: number;
  readonly index: number;
  readonly health: string;
}

/** Milliseconds after which a registry that has nothing to tell says so. */
const IDLE = 5_000;

export class BenchRegistry implements Registry {
  readonly batchSize = 64;
  readonly writes: Written[] = [];
  readonly #clock: Clock;
  readonly #down: (at: number) => boolean;
  readonly #services = new Map<string, Map<string, Entry>>();
  readonly #dirty = new Set<string>();
  #wake: (() => void) | undefined;

  constructor(clock: Clock, down: (at: number) => boolean) {
    this.#clock = clock;
    this.#down = down;
  }

  put(service: string, index: number, fields: Partial<Entry> = {}): void {
    const entries = this.#services.get(service) ?? new Map<string, Entry>();
    this.#services.set(service, entries);
    const key = String(index);
    const known = entries.get(key);
    entries.set(key, {
      key,
      incarnation: '',
      revision: '',
      host: `h${index}`,
      port: 80,
      metadata: {},
      enabled: true,
      draining: false,
      ...known,
      ...fields,
    });
    this.#changed(service);
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    for (const service of this.#services.keys()) this.#dirty.add(service);
    for (;;) {
      signal.throwIfAborted();
      if (this.#down(this.#clock.now())) throw new RegistryError('unreachable', 'registry bench: no answer');
      for (const service of this.#dirty) {
        const entries = [...(this.#services.get(service)?.values() ?? [])];
        yield { kind: 'service', namespace: 'default', service, entries };
      }
      this.#dirty.clear();
      yield { kind: 'synced' };
      await this.#idle(signal);
    }
  }

  async write(requests: readonly WriteRequest[]): Promise<readonly Receipt[]> {
    const at = this.#clock.now();
    if (this.#down(at)) throw new RegistryError('unreachable', 'registry bench: no answer');
    return requests.map(({ instance, desired, writer }) => {
      const health = desired.kind === 'release' ? 'healthy' : desired.health;
      this.writes.push({ at, index: Number(instance.key), health });
      if (desired.kind === 'health') {
        const { reason, since } = desired;
        const mark = {
          writer,
          version: 1,
          health: desired.health,
          reason,
          since,
          original: {},
          intact: true,
        };
        this.put(instance.service, Number(instance.key), { mark });
      }
      return { instance: instance.id, kind: 'written' } as const;
    });
  }

  #changed(service: string): void {
    this.#dirty.add(service);
    this.#wake?.();
  }

  async #idle(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.after(IDLE, resolve);
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#wake = undefined;
  }
}
