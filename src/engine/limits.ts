/** How many looks may be in flight: overall, and at one host. */

import pLimit, { type LimitFunction } from 'p-limit';
import type { EngineLimits } from '../core/engine.ts';

export class Limits {
  #perHost: number;
  readonly #overall: LimitFunction;
  readonly #hosts = new Map<string, LimitFunction>();

  constructor(options: EngineLimits) {
    this.#perHost = options.perHost;
    this.#overall = pLimit(options.concurrency);
  }

  /** Other limits from now on; what runs already goes on. */
  resize({ concurrency, perHost }: EngineLimits): void {
    this.#perHost = perHost;
    this.#overall.concurrency = concurrency;
    for (const limit of this.#hosts.values()) limit.concurrency = perHost;
  }

  /** Looks running now. */
  get inFlight(): number {
    return this.#overall.activeCount;
  }

  /** Runs when both limits let it; who waits for a host takes no place overall. `atTurn` is called when the host is free. */
  async run(host: string, look: () => Promise<void>, atTurn?: () => void): Promise<void> {
    const limit = this.#hosts.get(host) ?? pLimit(this.#perHost);
    this.#hosts.set(host, limit);
    try {
      await limit(() => {
        atTurn?.();
        return this.#overall(look);
      });
    } finally {
      if (limit.activeCount + limit.pendingCount === 0) this.#hosts.delete(host);
    }
  }
}
