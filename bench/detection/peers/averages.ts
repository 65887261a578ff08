/** Rules over averages: Finagle's failure accrual and Akka's phi-accrual detector. */

import type { Peer, PeerRule } from './peer.ts';

/**
 * Finagle: success rate as an exponential average over time, `w = exp(-dt / window)`; dead below 80 % over 30 s once the window has
 * elapsed (FailureAccrualPolicy.successRateWithinDuration, com.twitter.finagle.util.Ema). Its revival by backoff is left out: looks go
 * on, and it is up again once the average is.
 */
class Accrual implements Peer {
  #rate = 1;
  #last: number | undefined;
  #first = 0;
  readonly silentUntil = Number.POSITIVE_INFINITY;

  get up(): boolean {
    return (this.#last ?? 0) - this.#first < WINDOW || this.#rate >= REQUIRED;
  }

  hear(passed: boolean, at: number): void {
    if (this.#last === undefined) this.#first = at;
    const keep = this.#last === undefined ? 0 : Math.exp(-(at - this.#last) / WINDOW);
    this.#rate = this.#rate * keep + (passed ? 1 : 0) * (1 - keep);
    this.#last = at;
  }
}

const WINDOW = 30_000;
const REQUIRED = 0.8;

/** phi = 8 by the logistic approximation is so many deviations beyond the mean: `1 / (1 + e) = 10^-8`. */
const DEVIATIONS = solve(8);
const HISTORY = 1_000;
const LEAST_DEVIATION = 100;

/**
 * akka.remote.PhiAccrualFailureDetector: threshold 8, max-sample-size 1000, min-std-deviation 100 ms; the mean plus
 * acceptable-heartbeat-pause; the first estimate is mean and mean / 4; an interval that ended a suspicion is not learnt. A pass is a
 * heartbeat.
 */
class PhiAccrual implements Peer {
  readonly #pause: number;
  readonly #intervals: number[];
  #sum = 0;
  #squares = 0;
  #next = 0;
  #last = 0;
  #heard = false;
  #down = false;

  constructor(interval: number, pause: number) {
    this.#pause = pause;
    this.#intervals = [];
    this.#learn(interval * 0.75);
    this.#learn(interval * 1.25);
  }

  get up(): boolean {
    return !this.#down;
  }

  get silentUntil(): number {
    if (!this.#heard) return Number.POSITIVE_INFINITY;
    const count = this.#intervals.length;
    const mean = this.#sum / count;
    const deviation = Math.max(LEAST_DEVIATION, Math.sqrt(Math.max(0, this.#squares / count - mean * mean)));
    return this.#last + mean + this.#pause + DEVIATIONS * deviation;
  }

  hear(passed: boolean, at: number): void {
    if (at >= this.silentUntil) this.#down = true;
    if (!passed) return;
    if (this.#heard && !this.#down) this.#learn(at - this.#last);
    this.#down = false;
    this.#heard = true;
    this.#last = at;
  }

  #learn(interval: number): void {
    if (this.#intervals.length < HISTORY) this.#intervals.push(interval);
    else {
      const old = this.#intervals[this.#next] ?? 0;
      this.#sum -= old;
      this.#squares -= old * old;
      this.#intervals[this.#next] = interval;
      this.#next = (this.#next + 1) % HISTORY;
    }
    this.#sum += interval;
    this.#squares += interval * interval;
  }
}

/** `y (1.5976 + 0.070566 y^2) = ln(10^phi - 1)`, by halving. */
function solve(phi: number): number {
  const wanted = Math.log(10 ** phi - 1);
  let [low, high] = [0, 20];
  for (let i = 0; i < 60; i++) {
    const y = (low + high) / 2;
    if (y * (1.5976 + 0.070566 * y * y) < wanted) low = y;
    else high = y;
  }
  return high;
}

export const AVERAGES: readonly PeerRule[] = [
  {
    id: 'finagle',
    title: 'Finagle, 80 % over 30 s',
    source: 'Finagle user guide, failure accrual: requiredSuccessRate 0.8, window 30s; Ema.scala',
    interval: 5_000,
    from: 'start',
    memory: 20,
    create: () => new Accrual(),
  },
  {
    id: 'phi-akka',
    title: 'φ-accrual 8, pause 3 s (Akka)',
    source: 'Akka reference.conf: threshold 8.0, heartbeat-interval 1s, acceptable-heartbeat-pause 3s',
    interval: 1_000,
    from: 'start',
    memory: 60,
    create: (interval) => new PhiAccrual(interval, 3_000),
  },
  {
    id: 'phi-scaled',
    title: 'φ-accrual 8, pause 3 intervals',
    source: 'the same with the pause in proportion to the interval',
    interval: 1_000,
    from: 'start',
    memory: 60,
    create: (interval) => new PhiAccrual(interval, 3 * interval),
  },
];
