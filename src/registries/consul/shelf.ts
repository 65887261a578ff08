/** One service as Consul told it last, and what is waited for after Consul went back in time. */

import type { Entry, ServiceName } from '../../core/instance.ts';

export class Shelf {
  readonly name: ServiceName;
  /** To wait from for the next answer; 0: nothing is known, or the index has gone back. */
  index = 0;
  /** No longer in the catalog, and no longer asked about. */
  gone = false;
  #entries: readonly Entry[] = [];
  #kept: ReadonlyMap<string, Entry> = new Map();
  #until = Number.NEGATIVE_INFINITY;

  constructor(name: ServiceName) {
    this.name = name;
  }

  copy(): Shelf {
    const copy = new Shelf(this.name);
    copy.index = this.index;
    copy.#entries = this.#entries;
    copy.#kept = this.#kept;
    copy.#until = this.#until;
    return copy;
  }

  /**
   * What shall be told; undefined: there is no such service. What was there before a restart and is not yet there again is
   * shown as it was.
   */
  entries(now: number): readonly Entry[] | undefined {
    const here = new Set(this.#entries.map(({ key }) => key));
    const kept = now < this.#until ? [...this.#kept.values()].filter(({ key }) => !here.has(key)) : [];
    const all = [...this.#entries, ...kept].sort((a, b) => (a.key < b.key ? -1 : 1));
    return all.length === 0 ? undefined : all;
  }

  /** True where nothing of before is missing among these. */
  isWithin(keys: ReadonlySet<string>): boolean {
    return this.#entries.every(({ key }) => keys.has(key));
  }

  /** Takes what Consul says. An index that went back is not to be waited from. */
  take(entries: readonly Entry[], index: number): 'forward' | 'back' {
    const back = index < this.index;
    this.#entries = entries;
    this.index = back ? 0 : index;
    return back ? 'back' : 'forward';
  }

  /** Consul has nothing of it. */
  empty(): void {
    this.#entries = [];
  }

  /** From now on what is told is waited for until then, if Consul no longer has it. */
  keep(until: number, now: number): void {
    this.#kept = new Map((this.entries(now) ?? []).map((entry) => [entry.key, entry]));
    this.#until = until;
  }

  /** True once, when what was waited for need no longer be. */
  isOver(now: number): boolean {
    if (this.#kept.size === 0 || now < this.#until) return false;
    this.#kept = new Map();
    return true;
  }
}
