/** What waits to be delivered to one webhook: one notice of a topic, a bounded number of them, the oldest first. */

import type { Notice } from './cloud-event.ts';

export interface Waiting {
  readonly notice: Notice;
  /** `Clock.now()`, as are all times here. */
  readonly since: number;
  readonly failures: number;
  readonly notBefore: number;
}

export interface OutboxCounters {
  /** A newer notice of the same topic came before it was delivered. */
  readonly superseded: number;
  /** Too many waited. */
  readonly dropped: number;
  /** Not delivered in time. */
  readonly expired: number;
}

export class Outbox {
  readonly #capacity: number;
  readonly #lifetime: number;
  readonly #waiting = new Map<string, Waiting>();
  #superseded = 0;
  #dropped = 0;
  #expired = 0;

  /** `lifetime`: milliseconds after which nobody needs to know any more. */
  constructor(capacity: number, lifetime: number) {
    this.#capacity = capacity;
    this.#lifetime = lifetime;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get counters(): OutboxCounters {
    return { superseded: this.#superseded, dropped: this.#dropped, expired: this.#expired };
  }

  /** False where the oldest had to go for it. */
  add(notice: Notice, now: number): boolean {
    const { topic } = notice;
    if (this.#waiting.delete(topic)) this.#superseded++;
    this.#waiting.set(topic, { notice, since: now, failures: 0, notBefore: now });
    return this.#bound();
  }

  /** Takes out the oldest that is due and whose topic is not `busy`. */
  take(now: number, busy: ReadonlySet<string>): Waiting | undefined {
    for (const [topic, waiting] of this.#waiting) {
      if (now - waiting.since >= this.#lifetime) {
        this.#waiting.delete(topic);
        this.#expired++;
      } else if (waiting.notBefore <= now && !busy.has(topic)) {
        this.#waiting.delete(topic);
        return waiting;
      }
    }
    return undefined;
  }

  /** Puts back what was taken and could not be delivered. */
  putBack(waiting: Waiting): void {
    const { topic } = waiting.notice;
    if (this.#waiting.has(topic)) {
      this.#superseded++;
      return;
    }
    this.#waiting.set(topic, waiting);
    this.#bound();
  }

  /** When the next one is due whose topic is not `busy`; Infinity where there is none. */
  nextAt(busy: ReadonlySet<string>): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [topic, { notBefore }] of this.#waiting)
      if (!busy.has(topic)) next = Math.min(next, notBefore);
    return next;
  }

  clear(): void {
    this.#waiting.clear();
  }

  #bound(): boolean {
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size <= this.#capacity || oldest === undefined) return true;
    this.#waiting.delete(oldest);
    this.#dropped++;
    return false;
  }
}
