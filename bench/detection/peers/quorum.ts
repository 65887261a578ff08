/** Route 53's checkers, and Envoy's ejection of outliers: rules whose verdict is not the last looks of one place alone. */

import type { Peer, PeerRule } from './peer.ts';

const CHECKERS = 15;
const QUORUM = 0.18;

/**
 * Route 53: each checker counts 3 in a row either way, one look per 30 s; healthy while more than 18 % of the checkers say so (developer
 * guide, "How Amazon Route 53 determines whether a health check is healthy"). 15 checkers take turns here, so that the interval is
 * that of all of them together.
 */
class Quorum implements Peer {
  readonly #row = new Int8Array(CHECKERS);
  readonly #healthy = new Uint8Array(CHECKERS).fill(1);
  #turn = 0;
  #count = CHECKERS;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  get up(): boolean {
    return this.#count > QUORUM * CHECKERS;
  }

  hear(passed: boolean): void {
    const turn = this.#turn;
    this.#turn = (turn + 1) % CHECKERS;
    const row = this.#row[turn] ?? 0;
    const next = passed ? Math.min(3, Math.max(0, row) + 1) : Math.max(-3, Math.min(0, row) - 1);
    this.#row[turn] = next;
    const before = this.#healthy[turn] ?? 0;
    const after = next === 3 ? 1 : next === -3 ? 0 : before;
    this.#healthy[turn] = after;
    this.#count += after - before;
  }
}

/** Milliseconds. */
const SWEEP = 10_000;
const BASE_EJECTION = 30_000;
const LONGEST_EJECTION = 300_000;
const CONSECUTIVE_5XX = 5;

/**
 * Envoy outlier detection: 5 failures in a row eject for 30 s times the number of ejections, at most 300 s; whoever has served its time
 * returns at the next sweep of 10 s, and a sweep without ejection takes one off the multiplier (outlier_detection.proto). Looks stand
 * in for the traffic that it needs; the 10 % of a cluster that it may eject, and the panic below 50 %, are applied to whole services.
 */
class Ejection implements Peer {
  #inRow = 0;
  #ejectedAt: number | undefined;
  #times = 0;
  #sweptAt = 0;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  get up(): boolean {
    return this.#ejectedAt === undefined;
  }

  hear(passed: boolean, at: number): void {
    const sweep = Math.floor(at / SWEEP);
    if (sweep > this.#sweptAt) this.#sweep(sweep * SWEEP, sweep - this.#sweptAt);
    this.#sweptAt = sweep;
    this.#inRow = passed ? 0 : this.#inRow + 1;
    if (this.#ejectedAt !== undefined || this.#inRow < CONSECUTIVE_5XX) return;
    this.#ejectedAt = at;
    this.#inRow = 0;
    this.#times++;
  }

  #sweep(at: number, sweeps: number): void {
    if (this.#ejectedAt === undefined) this.#times = Math.max(0, this.#times - sweeps);
    else if (at - this.#ejectedAt >= Math.min(LONGEST_EJECTION, BASE_EJECTION * this.#times)) {
      this.#ejectedAt = undefined;
      this.#inRow = 0;
    }
  }
}

export const QUORUM_RULES: readonly PeerRule[] = [
  {
    id: 'route53',
    title: 'Route 53, 15 checkers, > 18 %',
    source: 'Route 53 developer guide: request interval 30s, failure threshold 3, 18 % of checkers',
    interval: 2_000,
    from: 'start',
    memory: 3 * CHECKERS + 5,
    create: () => new Quorum(),
  },
  {
    id: 'envoy-outlier',
    title: 'Envoy outlier detection',
    source:
      'outlier_detection.proto: consecutive_5xx 5, interval 10s, base_ejection_time 30s, max_ejection_time 300s',
    interval: 1_000,
    from: 'start',
    memory: 12,
    create: () => new Ejection(),
  },
];
