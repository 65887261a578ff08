/** What the board remembers of one service: its instances in order, and sums over them that every report keeps right. */

import type { Health } from '../core/health.ts';
import type { InstanceId } from '../core/instance.ts';
import type { InstanceEntry } from './instance-entry.ts';
import { compareInstances, type ServicePlace } from './place.ts';

/** Sums over the targets of one check in one service. */
export interface CheckTally {
  readonly kind: string;
  targets: number;
  /** Targets with at least one observation. */
  looked: number;
  passed: number;
  total: number;
}

export class ServiceEntry implements ServicePlace {
  readonly registry: string;
  readonly namespace: string;
  readonly service: string;
  readonly counts: Record<Health, number> = { unknown: 0, healthy: 0, 'sub-healthy': 0, dead: 0 };
  readonly held = new Map<string, number>();
  readonly tallies = new Map<string, CheckTally>();
  readonly #members = new Map<InstanceId, InstanceEntry>();
  #sorted: readonly InstanceEntry[] | undefined;

  constructor({ registry, namespace, service }: ServicePlace) {
    this.registry = registry;
    this.namespace = namespace;
    this.service = service;
  }

  get size(): number {
    return this.#members.size;
  }

  add(entry: InstanceEntry): void {
    this.#members.set(entry.instance.id, entry);
    this.#sorted = undefined;
    this.counts[entry.health]++;
  }

  remove(entry: InstanceEntry): void {
    this.#members.delete(entry.instance.id);
    this.#sorted = undefined;
    this.counts[entry.health]--;
    this.#countHeld(entry.held, -1);
  }

  /** Host or port of a member changed. */
  reorder(): void {
    this.#sorted = undefined;
  }

  setHealth(entry: InstanceEntry, health: Health): void {
    this.counts[entry.health]--;
    this.counts[health]++;
    entry.health = health;
  }

  setHeld(entry: InstanceEntry, held: string | null): void {
    this.#countHeld(entry.held, -1);
    this.#countHeld(held, 1);
    entry.held = held;
  }

  tally(check: string, kind: string): CheckTally {
    let tally = this.tallies.get(check);
    if (tally === undefined || tally.targets === 0) {
      tally = { kind, targets: 0, looked: 0, passed: 0, total: 0 };
      this.tallies.set(check, tally);
    }
    return tally;
  }

  /** In the order of lists. */
  get members(): readonly InstanceEntry[] {
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
