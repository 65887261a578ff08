/** S01: nothing is wrong but that looks get lost. Whoever is called ill here is called so wrongly. */

import type { Observation } from '../../../src/core/observation.ts';
import type { Env, Rule, Step } from '../../../src/core/rule.ts';
import type { Seed } from '../../../src/core/seed.ts';
import { BackgroundLoss } from '../../../src/engine/background-loss.ts';
import { deadThreshold, deadWeight, missedWhenAlive } from '../../../src/rules/adaptive/dead.ts';
import type { AdaptiveState } from '../../../src/rules/adaptive/state.ts';
import { intervalOf, type Mode, PEERS } from '../peers/peers.ts';
import { watch } from '../peers/watch.ts';
import { type Result, result } from '../result.ts';
import { afterPasses, isIdle } from '../sonde/idle.ts';
import { Prober, type Vantage } from '../sonde/prober.ts';
import { benchTarget, shippingRule } from '../sonde/rule.ts';
import { VirtualClock } from '../world/clock.ts';
import { CHANNEL, chance, slotOf, streamOf } from '../world/random.ts';
import { ANSWERED, hang, lost, RTT, type World } from '../world/world.ts';

export const INTERVAL = 5_000;
export const TIMEOUT = 1_000;
export const YEAR = 31_536_000_000;
const HALF_YEAR = YEAR / 2;
/** Targets whose looks tell the background loss. */
const FLEET = 1_000;
const TRACE = 3_600;

export interface QuietParams {
  readonly vantages: number;
  readonly loss: number;
  /** Target-years. */
  readonly years: number;
  /** Other options of the rule, to show that the bench notices. */
  readonly options?: object;
}

export function vantagesOf(count: number): readonly Vantage[] {
  return Array.from({ length: count }, (_, index) => ({ name: `v${index}`, awake: (at) => at }));
}

export function quiet(seed: number, { vantages, loss, years, options }: QuietParams): Result {
  const sums = nothing();
  const trace = lossTrace(seed, loss, vantages);
  const rule = shippingRule(INTERVAL, options);
  for (let target = 0; target < years * 2; target++) {
    const span = Math.min(HALF_YEAR, (years - target / 2) * YEAR);
    const fate = lossAlone(seed, loss, target, vantages);
    const common = { target, vantages, fate, span, timeout: TIMEOUT, trace, rule, stepped: false };
    count(sums, quietTarget(common), span / YEAR);
  }
  return result({ sums: { ...sums } });
}

export interface QuietTarget {
  readonly looks: number;
  readonly turns: readonly { readonly to: string; readonly at: number; readonly until: number }[];
  readonly state: AdaptiveState;
}

/** What the network makes of a look. */
type Fate = 'answered' | 'lost' | 'hang';

export interface QuietInput {
  readonly target: number;
  readonly vantages: number;
  /** The fate of a look from that vantage at that time. */
  readonly fate: (vantage: number, at: number) => Fate;
  readonly span: number;
  readonly timeout: number;
  readonly trace: Float64Array;
  readonly rule: Rule;
  /** Steps every pass. */
  readonly stepped: boolean;
}

/** One target for `span` milliseconds. */
export function quietTarget(input: QuietInput): QuietTarget {
  const { target, vantages, fate, span, timeout: allowed, trace, rule, stepped } = input;
  const clock = new VirtualClock();
  const world: World = {
    look(_target, vantage, at, timeout) {
      const met = fate(vantage, at);
      if (met === 'answered') return ANSWERED;
      return met === 'lost' ? lost(timeout) : hang(timeout);
    },
  };
  const turns: { to: string; at: number; until: number }[] = [];
  let skipped = 0;
  const boxed = new Boxed(rule, trace);
  const skip = (_index: number, due: number): number => {
    const { box } = boxed;
    if (box === undefined || !isIdle(box.state)) return due;
    let at = due;
    for (let turn = Math.floor(due / INTERVAL) % vantages; at <= span; at += INTERVAL) {
      if (fate(turn, at) !== 'answered') break;
      turn = turn + 1 === vantages ? 0 : turn + 1;
    }
    const passes = (at - due) / INTERVAL;
    skipped += passes;
    box.state = afterPasses(box.state, passes, due, INTERVAL, RTT);
    return at;
  };
  const prober = new Prober({
    clock,
    world,
    vantages: vantagesOf(vantages),
    interval: INTERVAL,
    timeout: allowed,
    extraShare: 0.5,
    hears: (_index, _from, to, _reason, at) => {
      const last = turns.at(-1);
      if (last !== undefined) last.until = at;
      turns.push({ to, at, until: span });
    },
    ...(stepped ? {} : { skip }),
  });
  prober.add(target, benchTarget(`q${target}`, 's'), boxed);
  clock.run(span);
  const state = boxed.box?.state;
  if (state === undefined) throw new Error('nothing was judged');
  return { looks: prober.looks + skipped, turns, state };
}

/** Looks that are lost by chance alone. */
export function lossAlone(seed: number, loss: number, target: number, vantages: number): QuietInput['fate'] {
  const streams = Array.from({ length: vantages }, (_, vantage) =>
    streamOf(seed, `S01/${loss}`, target, vantage, CHANNEL.loss),
  );
  return (vantage, at) =>
    loss > 0 && chance(streams[vantage] ?? 0, slotOf(at)) < loss ? 'lost' : 'answered';
}

export interface Tally {
  years: number;
  looks: number;
  dead: number;
  subHealthy: number;
  transitions: number;
  /** Target-seconds in which it was called ill. */
  wrong: number;
}

/** Adds what one healthy target was called over that many years. */
export function count(tally: Tally, one: QuietTarget, years: number): void {
  tally.years += years;
  tally.looks += one.looks;
  for (const { to, at, until } of one.turns) {
    tally.transitions++;
    if (to === 'dead') tally.dead++;
    if (to === 'sub-healthy') tally.subHealthy++;
    if (to !== 'healthy') tally.wrong += (until - at) / 1_000;
  }
}

export function nothing(): Tally {
  return { years: 0, looks: 0, dead: 0, subHealthy: 0, transitions: 0, wrong: 0 };
}

/** The shipping rule with its state where the bench can reach it, and the background loss that a fleet would tell. */
class Boxed implements Rule<{ state: AdaptiveState }> {
  readonly #rule: Rule;
  readonly #trace: Float64Array;
  box: { state: AdaptiveState } | undefined;

  constructor(rule: Rule, trace: Float64Array) {
    this.#rule = rule;
    this.#trace = trace;
  }

  initial(seed: Seed): { state: AdaptiveState } {
    this.box = { state: this.#rule.initial(seed) as AdaptiveState };
    return this.box;
  }

  step(box: { state: AdaptiveState }, observation: Observation, env: Env): Step<{ state: AdaptiveState }> {
    const backgroundLoss = this.#trace[Math.floor(env.now / 1_000) % this.#trace.length] ?? 0;
    const step = this.#rule.step(box.state, observation, { ...env, backgroundLoss });
    box.state = step.state as AdaptiveState;
    return { ...step, state: box };
  }

  verdict(box: { state: AdaptiveState }) {
    return this.#rule.verdict(box.state);
  }
}

/** An hour of the background loss as the shipping estimator has it, by second: 1 000 targets at one look per 5 s. */
export function lossTrace(seed: number, loss: number, vantages: number): Float64Array {
  const estimator = new BackgroundLoss();
  const looks = Math.round((FLEET * 1_000) / INTERVAL / vantages);
  const stream = streamOf(seed, `S01/${loss}/fleet`, 0, 0, CHANNEL.noise);
  const trace = new Float64Array(TRACE);
  const warmUp = 60;
  for (let second = 0; second < TRACE + warmUp; second++) {
    let missed = 0;
    for (let look = 0; look < looks; look++) if (chance(stream, second * looks + look) < loss) missed++;
    estimator.heard(missed, looks, second * 1_000);
    if (second >= warmUp) trace[second - warmUp] = estimator.at(second * 1_000);
  }
  return trace;
}

/**
 * What the defaults allow at most, by the formulas alone: `R (1 - q) q^N` with `N = ceil(h_d / w)` timeouts in a row and `R` looks a year,
 * 1.2 of them for the extra ones (detection.md 2.2).
 */
export function analyticBound(loss: number): number {
  const looks = Math.ceil(deadThreshold(INTERVAL, 0.01) / deadWeight(false, missedWhenAlive(loss, 0.01)));
  return (YEAR / INTERVAL) * 1.2 * (1 - loss) * loss ** looks;
}

export interface PeerQuietParams {
  readonly rule: string;
  readonly mode: Mode;
  readonly loss: number;
  readonly years: number;
}

export function peerQuiet(seed: number, { rule: id, mode, loss, years }: PeerQuietParams): Result {
  const rule = PEERS.find((one) => one.id === id);
  if (rule === undefined) throw new Error(`no rule ${id}`);
  const interval = intervalOf(rule, mode);
  const sums = { years, looks: 0, dead: 0, transitions: 0, wrong: 0 };
  for (let target = 0; target < years * 2; target++) {
    const span = Math.min(HALF_YEAR, (years - target / 2) * YEAR);
    const stream = streamOf(seed, `S01/${loss}`, target, 0, CHANNEL.loss);
    const world: World = {
      look: (_target, _vantage, at, timeout) =>
        chance(stream, slotOf(at)) < loss ? lost(timeout) : ANSWERED,
    };
    const phase = Math.floor(chance(streamOf(seed, 'phase', target, 0, CHANNEL.start), 0) * interval);
    let downAt: number | undefined;
    const watched = {
      rule,
      interval,
      world,
      target,
      vantage: 0,
      from: 0,
      until: span,
      phase,
      timeout: TIMEOUT,
    };
    sums.looks += watch({
      ...watched,
      turned: (up, at) => {
        sums.transitions++;
        if (!up) {
          sums.dead++;
          downAt = at;
        } else if (downAt !== undefined) {
          sums.wrong += (at - downAt) / 1_000;
          downAt = undefined;
        }
      },
    });
    if (downAt !== undefined) sums.wrong += (span - downAt) / 1_000;
  }
  return result({ sums });
}
