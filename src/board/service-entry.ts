/** What the board remembers of one service: its instances in order, and sums over them that every report keeps right. */

import type { Health } from '../core/health.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { CheckTally } from './check-tally.ts';
import { compareInstances, type ServicePlace } from './place.ts';

/** What the service has to know of its instances. */
export interface Member {
  readonly instance: Instance;
  health: Health;
  held: string | null;
}

export class ServiceEntry<M extends Member> implements ServicePlace {
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly counts: Record<Health, number> = { unknown: 0, healthy: 0, 'sub-healthy': 0, dead: 0 };
  readonly held = new Map<string, number>();
  readonly tallies = new Map<string, CheckTally>();
  readonly #members = new Map<InstanceId, M>();
  #sorted: readonly M[] | undefined;

  constructor({ registry, namespace, service }: ServicePlace) {
    this.registry = registry;
    this.namespace = namespace;
    this.service = service;
  }

  get size(): number {
    return this.#members.size;
  }

  add(entry: M): void {
    this.#members.set(entry.instance.id, entry);
    this.#sorted = undefined;
    this.counts[entry.health]++;
  }

  remove(entry: M): void {
    this.#members.delete(entry.instance.id);
    this.#sorted = undefined;
    this.counts[entry.health]--;
    this.#countHeld(entry.held, -1);
  }

  /** Host or port of a member changed. */
  reorder(): void {
    this.#sorted = undefined;
  }

  setHealth(entry: M, health: Health): void {
    this.counts[entry.health]--;
    this.counts[health]++;
    entry.health = health;
  }

  setHeld(entry: M, held: string | null): void {
    this.#countHeld(entry.held, -1);
    this.#countHeld(held, 1);
    entry.held = held;
  }

  /** The sums of a check; its targets are told anew one by one when it changes its kind, and so are they. */
  tally(check: string, kind: string): CheckTally {
    let tally = this.tallies.get(check);
    if (tally?.kind !== kind) {
      tally = { kind, targets: 0, looked: 0, passed: 0, total: 0 };
      this.tallies.set(check, tally);
    }
    return tally;
  }

  /** Forgets sums over nothing. */
  dropTally(check: string, tally: CheckTally): void {
    if (tally.targets === 0 && this.tallies.get(check) === tally) this.tallies.delete(check);
  }

  /** In the order of lists. */
  get members(): readonly M[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => compareInstances(a.instance, b.instance));
    return this.#sorted;
  }

  #countHeld(reason: string | null, change: number): void {
    if (reason === null) return;
    const count = (this.held.get(reason) ?? 0) + change;
    if (count > 0) this.held.set(reason, count);
    else this.held.delete(reason);
  }
}
