/** The last N looks, down at half of them failed: the count window of resilience4j's circuit breaker, without its pause. */

import type { Peer, PeerRule } from './peer.ts';

/** resilience4j: slidingWindowSize N, minimumNumberOfCalls N, failureRateThreshold 50. */
class CountWindow implements Peer {
  readonly #failed: Uint8Array;
  #next = 0;
  #filled = 0;
  #failures = 0;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  constructor(size: number) {
    this.#failed = new Uint8Array(size);
  }

  get up(): boolean {
    return this.#filled < this.#failed.length || this.#failures * 2 < this.#failed.length;
  }

  hear(passed: boolean): void {
    const failed = passed ? 0 : 1;
    this.#failures += failed - (this.#failed[this.#next] ?? 0);
    this.#failed[this.#next] = failed;
    this.#next = (this.#next + 1) % this.#failed.length;
    this.#filled = Math.min(this.#failed.length, this.#filled + 1);
  }
}

export const WINDOWS: readonly PeerRule[] = [10, 20, 50].map((size) => ({
  id: `window-${size}`,
  title: `window ${size}, half failed`,
  source: `resilience4j documentation: COUNT_BASED, slidingWindowSize ${size}, failureRateThreshold 50`,
  interval: 5_000,
  from: 'start',
  memory: size + 2,
  create: () => new CountWindow(size),
}));
