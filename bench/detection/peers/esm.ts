/** consul-esm with `critical_threshold` 3: as its README has it, and as it is coded (hashicorp/consul-esm issue #315). */

import type { Peer, PeerRule } from './peer.ts';

const THRESHOLD = 3;

/**
 * The leaky counter of consul-esm's check.go: a result unlike the status adds one, one like it takes one off; the status changes once
 * the counter was at the threshold already (README: `critical_threshold` + 1 failures).
 */
class Leaky implements Peer {
  #up = true;
  #failures = 0;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  get up(): boolean {
    return this.#up;
  }

  hear(passed: boolean): void {
    if (passed) {
      this.#up = true;
      this.#failures = Math.max(0, this.#failures - 1);
    } else if (this.#up) {
      if (this.#failures >= THRESHOLD) {
        this.#up = false;
        this.#failures = 0;
      } else this.#failures++;
    }
  }
}

/**
 * The threshold a second time: the StatusHandler of Consul's agent/checks, which consul-esm embeds, tells of a failure only once
 * `critical_threshold` came in a row, and of each further one; the leaky counter begins to count there. Six in a row for 3.
 */
class Coded implements Peer {
  #up = true;
  #inRow = 0;
  #told = 0;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  get up(): boolean {
    return this.#up;
  }

  hear(passed: boolean): void {
    if (passed) {
      this.#inRow = 0;
      this.#told = Math.max(0, this.#told - 1);
      this.#up = true;
      return;
    }
    this.#inRow++;
    if (this.#inRow < THRESHOLD || !this.#up) return;
    this.#told++;
    if (this.#told > THRESHOLD) {
      this.#up = false;
      this.#told = 0;
    }
  }
}

export const ESM: readonly PeerRule[] = [
  {
    id: 'esm-documented',
    title: 'consul-esm ct=3, as documented',
    source: 'consul-esm README, critical_threshold: non-consecutive failures count',
    interval: 10_000,
    from: 'end',
    memory: 8,
    create: () => new Leaky(),
  },
  {
    id: 'esm-coded',
    title: 'consul-esm ct=3, as coded',
    source: 'consul-esm check.go and consul agent/checks StatusHandler; hashicorp/consul-esm#315',
    interval: 10_000,
    from: 'end',
    memory: 12,
    create: () => new Coded(),
  },
];
