/** S07: a target that answers ever more slowly than its peers do; and peers among which nobody is slow. */

import { type Result, result } from '../result.ts';
import { Fleet } from '../sonde/fleet.ts';
import { CHANNEL, chance, normal, slotOf, streamOf } from '../world/random.ts';
import { Chances, hang, type World } from '../world/world.ts';
import { INTERVAL, TIMEOUT, YEAR } from './quiet.ts';

export interface SlowParams {
  /** Times as slow as the peers; 1: nobody is. */
  readonly factor: number;
  /** Grows to the factor over so many milliseconds. */
  readonly ramp?: number;
  readonly vantages: number;
  /** Slow targets, or for factor 1 target-years. */
  readonly trials: number;
}

/** Milliseconds, and of its logarithm: the spread, the share of outliers and what they take longer, the drift over a day. */
const MEDIAN = 20;
const SPREAD = 0.35;
const OUTLIERS = { share: 0.02, factor: 8 };
const DRIFT = 0.3;
const DAY = 86_400_000;
const WARM_UP = 300_000;
const LASTS = 1_200_000;
const SERVICE = 20;

class Slow implements World {
  readonly #chances: Chances;
  readonly #factor: (target: number, at: number) => number;

  constructor(seed: number, factor: (target: number, at: number) => number) {
    this.#chances = new Chances(seed, 'S07');
    this.#factor = factor;
  }

  look(target: number, vantage: number, at: number, timeout: number) {
    const slot = slotOf(at);
    const logarithm =
      DRIFT * Math.sin((2 * Math.PI * at) / DAY) +
      SPREAD * normal(this.#chances.stream(target, vantage, CHANNEL.latency), slot);
    const outlier = chance(this.#chances.stream(target, vantage, CHANNEL.outlier), slot) < OUTLIERS.share;
    const duration =
      MEDIAN * Math.exp(logarithm) * (outlier ? OUTLIERS.factor : 1) * this.#factor(target, at);
    return duration < timeout ? ({ kind: 'pass', duration } as const) : hang(timeout);
  }
}

export function slow(seed: number, params: SlowParams): Result {
  return params.factor === 1 ? nobodySlow(seed, params) : oneSlow(seed, params);
}

function oneSlow(seed: number, { factor, ramp = 0, vantages, trials }: SlowParams): Result {
  const draws = streamOf(seed, 'S07', 0, 0, CHANNEL.start);
  const since = (target: number): number => WARM_UP + Math.floor(chance(draws, target) * INTERVAL);
  const factorAt = (target: number, at: number): number => {
    const gone = at - since(target);
    if (target % SERVICE !== 0 || gone < 0) return 1;
    return ramp === 0 ? factor : factor ** Math.min(1, gone / ramp);
  };
  const first = new Map<number, number>();
  let wrong = 0;
  const fleet = new Fleet({
    world: new Slow(seed, factorAt),
    vantages,
    interval: INTERVAL,
    timeout: TIMEOUT,
    service: (target) => `s${Math.floor(target / SERVICE)}`,
    turned: (target, { at, to }) => {
      if (target % SERVICE !== 0) wrong++;
      else if (to !== 'healthy' && at >= since(target) && !first.has(target)) first.set(target, at);
    },
  });
  for (let target = 0; target < trials * SERVICE; target++) fleet.add(target);
  fleet.clock.run(WARM_UP + LASTS);
  const found = [...first].map(([target, at]) => (at - since(target)) / 1_000);
  const factors = [...first].map(([target, at]) => factorAt(target, at));
  return result({ samples: { found, factors }, sums: { trials, missed: trials - found.length, wrong } });
}

function nobodySlow(seed: number, { vantages, trials }: SlowParams): Result {
  const size = 10 * SERVICE;
  let flagged = 0;
  let dead = 0;
  const fleet = new Fleet({
    world: new Slow(seed, () => 1),
    vantages,
    interval: INTERVAL,
    timeout: TIMEOUT,
    service: (target) => `s${Math.floor(target / SERVICE)}`,
    turned: (_target, { to }) => {
      if (to === 'sub-healthy') flagged++;
      if (to === 'dead') dead++;
    },
  });
  for (let target = 0; target < size; target++) fleet.add(target);
  fleet.clock.run((trials * YEAR) / size);
  return result({ sums: { years: trials, flagged, dead, looks: fleet.prober.looks } });
}
