/**
 * `window: adaptive` of the rule `success-rate`: a window of whatever length shows that something is wrong soonest
 * (shared reference detection.md, sections 1 and 2). A pure reducer over sequential tests.
 */

import type { Reason } from '../../core/cause.ts';
import type { Health } from '../../core/health.ts';
import type { Observation } from '../../core/observation.ts';
import type { Cadence, Env, Rule, Step, Verdict } from '../../core/rule.ts';
import type { Seed } from '../../core/seed.ts';
import { type Evidence, evidenceOf, NOT_REACHED, PASSED } from '../evidence.ts';
import { deadSpan, deadThreshold, deadWeight, missedWhenAlive } from './dead.ts';
import { explain } from './explain.ts';
import { FLAP_MEMORY, healthyAt, holdAfter, recoveryWeights } from './recovery.ts';
import { SLOW_AT, SLOW_LIKELY, SLOW_SUSPECTED, slowWeight } from './slow.ts';
import { type AdaptiveState, initialState, type Run, restoreState, tallied, together } from './state.ts';
import { SUB_HEALTHY_AT, subHealthyWeights } from './sub-healthy.ts';

export interface AdaptiveOptions {
  readonly subHealthyBelow: number;
  /** 0: what is reached never becomes dead. */
  readonly deadBelow: number;
  /** False deaths of one healthy target a year, at most. */
  readonly falseDeathsPerYear: number;
  readonly slowOver?: number | undefined;
}

/** Looks after which the newer half of the recent ones becomes the older. */
const HALF = 50;
/** Passes in a row that make healthy what was unknown, and end a suspicion. */
const ENOUGH = 3;
/** Reached and nothing served for so long, over so many looks, while peers serve: dead. */
const NOT_SERVING = { after: 30_000, looks: 20 };
/** A dead target that is back within this time was no dead target: the longest healed outage learns from it. */
const REGRETTED = 60_000;
/** Share of a service that turns within 60 s because of what it depends on. */
const TOGETHER = 0.6;
/** What the target's own share of missed looks learns from one look. */
const OWN_STEP = 1 / 30;
const MOST_DOWNS = 6;
/** Nats for sub-healthy below which three passes end the suspicion: two failures. */
const CALM = 3.9;
/** Background loss at which one answer is as good as three elsewhere. */
const LOSSY = 0.15;

export class Adaptive implements Rule<AdaptiveState> {
  readonly countsVotes = true;
  readonly #options: AdaptiveOptions;
  readonly #interval: number;
  readonly #deadAt: number;

  constructor(options: AdaptiveOptions, interval: number) {
    this.#options = options;
    this.#interval = interval;
    this.#deadAt = deadThreshold(interval, options.falseDeathsPerYear);
  }

  initial(seed: Seed): AdaptiveState {
    return initialState(seed);
  }

  restore(saved: unknown, now: number): AdaptiveState | undefined {
    return restoreState(saved, now, this.#interval);
  }

  verdict(state: AdaptiveState): Verdict {
    const [passed, reached, total, since] = together(state.recent) ?? [0, 0, 0, null];
    return {
      health: state.health,
      reason: state.reason,
      numbers: {
        rate: total === 0 ? null : passed / total,
        reach: total === 0 ? null : reached / total,
        passed,
        total,
        inRow: Math.abs(state.row),
        windowStart: since,
      },
    };
  }

  explain(state: AdaptiveState, narration: Parameters<NonNullable<Rule['explain']>>[1]) {
    return explain(state, narration, {
      interval: this.#interval,
      deadAt: this.#deadAt,
      subHealthyBelow: this.#options.subHealthyBelow,
    });
  }

  step(state: AdaptiveState, observation: Observation, env: Env): Step<AdaptiveState> {
    const seen = evidenceOf(observation, this.#options);
    const began = observation.at - observation.duration;
    const ignored = seen === undefined || (seen.evidence !== PASSED && env.now < state.grace);
    if (ignored) return this.#told(state, 0, env);
    if (seen.evidence === NOT_REACHED && state.answered !== null && began < state.answered)
      return this.#told(outrun(state, env.now), 0, env);
    const { evidence, cause } = seen;
    if (evidence !== PASSED && env.credible === false) return this.#told(voted(state, observation), 0, env);
    // An answer that was on its way before the first failure says nothing of what came after.
    const overtaken = evidence !== NOT_REACHED && state.run !== null && began < state.run[0];
    const healed = evidence === NOT_REACHED || overtaken ? state : this.#heal(state, env);
    const counted = counting(healed, evidence, env.now);
    const weighed =
      evidence === NOT_REACHED
        ? this.#missed(counted, cause === 'connect-refused', began, observation.vantage, env)
        : this.#answered(counted, evidence, observation, env);
    const next = this.#judged(weighed, evidence, cause, env);
    const first = next.run !== null && next.run[1] === 1 && next.health !== 'dead';
    const others = (env.votes ?? []).filter((vantage) => vantage !== observation.vantage).length;
    return this.#told(next, first ? Math.min(secondOpinions(env.backgroundLoss), others) : 0, env);
  }

  #told(state: AdaptiveState, confirmations: number, env: Env): Step<AdaptiveState> {
    return {
      state,
      verdict: this.verdict(state),
      cadence: cadenceOf(state, env.backgroundLoss),
      confirmations,
    };
  }

  /** Any answer ends the row: its length is learnt, and it counts as what a calm observer would have seen of it. */
  #heal(state: AdaptiveState, env: Env): AdaptiveState {
    const { run } = state;
    if (run === null) return state;
    const [since, looks] = run;
    const length = env.now - since;
    const wasDead = state.health === 'dead';
    const teaches = wasDead ? length < REGRETTED : looks >= 2;
    const faded = state.outage[0] * 0.5 ** ((env.now - state.outage[1]) / 86_400_000);
    const failures = Math.min(looks, 1 + Math.floor(length / this.#interval));
    const { failure } = subHealthyWeights(this.#options.subHealthyBelow, env.backgroundLoss);
    const setback = failures * recoveryWeights(env.backgroundLoss).failure;
    return {
      ...state,
      run: null,
      own: wasDead ? state.own : rounded(1 - (1 - state.own) * (1 - OWN_STEP) ** looks),
      outage: teaches && length > faded ? [Math.round(length), Math.floor(env.now)] : state.outage,
      ...(state.health === 'healthy' || state.health === 'unknown'
        ? {
            ill: rounded(state.ill + failures * failure),
            found: tallied(state.found, 0, 0, failures, Math.floor(since)),
          }
        : { well: Math.max(0, rounded(state.well - setback)) }),
    };
  }

  #missed(state: AdaptiveState, refused: boolean, began: number, vantage: string, env: Env): AdaptiveState {
    const p0 = rounded(missedWhenAlive(env.backgroundLoss, state.own));
    const [since, looks, evidence, frozen, votes] = state.run ?? [Math.floor(began), 0, 0, p0, []];
    const everybody =
      env.votes === undefined || votes.includes(vantage) || votes.length >= 8 ? votes : [...votes, vantage];
    const more = Math.min(999, rounded(evidence + deadWeight(refused, frozen)));
    const run: Run = [since, looks + 1, more, frozen, everybody];
    return { ...state, run, upSince: null, failingSince: null };
  }

  #answered(state: AdaptiveState, evidence: Evidence, observation: Observation, env: Env): AdaptiveState {
    const passed = evidence === PASSED;
    const { latency } = env.peers;
    const slowness =
      passed && latency !== undefined ? slowWeight(observation.duration, latency.median, latency.spread) : 0;
    const own = state.run === null ? rounded(state.own * (1 - OWN_STEP)) : state.own;
    const noBetter = !passed && state.health === 'dead' && state.reason === 'not-serving';
    const answered = {
      ...state,
      own,
      answered: later(state.answered, Math.floor(observation.at - observation.duration)),
      failingSince: passed ? null : (state.failingSince ?? Math.floor(env.now)),
      upSince: noBetter ? null : (state.upSince ?? Math.floor(env.now)),
    };
    if (state.health === 'healthy' || state.health === 'unknown') {
      const weights = subHealthyWeights(this.#options.subHealthyBelow, env.backgroundLoss);
      const ill = Math.max(0, rounded(state.ill + (passed ? -weights.pass : weights.failure)));
      const found = tallied(answered.found, passed ? 1 : 0, 1, 1, Math.floor(env.now));
      return {
        ...answered,
        ill,
        found: ill === 0 ? null : found,
        slow: Math.max(0, rounded(state.slow + slowness)),
      };
    }
    if (state.health !== 'sub-healthy') return answered;
    const weights = recoveryWeights(env.backgroundLoss);
    const well = passed && !(state.reason === 'slow' && slowness > 0);
    return { ...answered, well: Math.max(0, rounded(state.well + (well ? weights.pass : -weights.failure))) };
  }

  /** The health that follows, in the order in which the tests outrank each other. */
  #judged(state: AdaptiveState, evidence: Evidence, cause: Reason | undefined, env: Env): AdaptiveState {
    const { health } = state;
    const downs = recentDowns(state, env.now);
    if (health === 'dead') {
      const back = state.reason === 'not-serving' ? state.row >= 2 : evidence !== NOT_REACHED;
      const up = state.upSince === null ? 0 : env.now - state.upSince;
      const enough = back && state.upSince !== null && reachedTwice(state) && up >= holdAfter(downs);
      return enough ? entered(state, 'sub-healthy', downs > 2 ? 'flapping' : 'recovered', env.now) : state;
    }
    if (this.#isDead(state, env)) return entered(state, 'dead', cause ?? 'connect-timeout', env.now);
    if (health === 'sub-healthy') {
      if (this.#servesNothing(state, env)) return entered(state, 'dead', 'not-serving', env.now);
      if (state.reason !== 'dependency-suspected' && evidence !== PASSED && this.#allTurn(state, env))
        return { ...state, reason: 'dependency-suspected' };
      return state.well >= healthyAt(downs) ? entered(state, 'healthy', 'recovered', env.now) : state;
    }
    if (state.ill >= SUB_HEALTHY_AT) {
      const reason =
        cause === 'slow' ? 'slow' : this.#allTurn(state, env) ? 'dependency-suspected' : 'low-success-rate';
      return entered(state, 'sub-healthy', reason, env.now);
    }
    if (state.slow >= SLOW_AT) return entered(state, 'sub-healthy', 'slow', env.now);
    return health === 'unknown' && state.row >= ENOUGH
      ? entered(state, 'healthy', 'passing', env.now)
      : state;
  }

  #isDead({ run, outage }: AdaptiveState, env: Env): boolean {
    if (run === null) return false;
    const [since, , evidence, , votes] = run;
    return (
      evidence >= this.#deadAt &&
      env.now - since >= deadSpan(outage[0], env.now - outage[1]) &&
      (env.votes ?? []).every((vantage) => votes.includes(vantage))
    );
  }

  /** Reached and nothing passed, long and often enough, while others of its service do serve. */
  #servesNothing({ failingSince, row, reason }: AdaptiveState, env: Env): boolean {
    return (
      this.#options.deadBelow > 0 &&
      reason !== 'dependency-suspected' &&
      failingSince !== null &&
      env.now - failingSince >= NOT_SERVING.after &&
      -row >= NOT_SERVING.looks &&
      env.peers.serving > 0
    );
  }

  #allTurn({ reason }: AdaptiveState, { peers }: Env): boolean {
    const turned = peers.turned ?? 0;
    return reason !== 'slow' && turned > 0 && turned + 1 >= TOGETHER * (peers.total + 1);
  }
}

/** Our failures weigh nothing while we doubt ourselves; they still are this vantage's vote. */
function voted(state: AdaptiveState, { outcome, vantage }: Observation): AdaptiveState {
  const { run } = state;
  if (run === null || outcome.kind !== 'fail' || outcome.reached || run[4].includes(vantage)) return state;
  return { ...state, run: [run[0], run[1], run[2], run[3], [...run[4], vantage]] };
}

/** A look that began before one that was answered and failed after it: lost on its way, and healed already. */
function outrun(state: AdaptiveState, now: number): AdaptiveState {
  const [older, newer] = state.recent;
  return {
    ...state,
    own: rounded(1 - (1 - state.own) * (1 - OWN_STEP)),
    recent: [older, tallied(newer, 0, 0, 1, Math.floor(now))],
  };
}

function counting(state: AdaptiveState, evidence: Evidence, at: number): AdaptiveState {
  const passed = evidence === PASSED;
  const [older, newer] = state.recent;
  const full = newer !== null && newer[2] >= HALF;
  const base = full ? null : newer;
  const added = tallied(base, passed ? 1 : 0, evidence === NOT_REACHED ? 0 : 1, 1, Math.floor(at));
  return {
    ...state,
    at: Math.floor(at),
    grace: passed ? 0 : state.grace,
    row: passed ? Math.min(9_999, Math.max(0, state.row) + 1) : Math.max(-9_999, Math.min(0, state.row) - 1),
    recent: [full ? newer : older, added],
  };
}

/** Two answers in a row: the one that ended the silence and this one. */
function reachedTwice({ at, upSince }: AdaptiveState): boolean {
  return upSince !== null && at > upSince;
}

function recentDowns({ downs }: AdaptiveState, now: number): number {
  return downs.filter((second) => now - second * 1_000 < FLAP_MEMORY).length;
}

function entered(state: AdaptiveState, health: Health, reason: Reason, now: number): AdaptiveState {
  const down =
    (health === 'dead' && state.health !== 'unknown') ||
    (health === 'sub-healthy' && state.health === 'healthy');
  const known = state.downs.filter((second) => now - second * 1_000 < FLAP_MEMORY);
  return {
    ...state,
    health,
    reason,
    ill: 0,
    well: 0,
    slow: 0,
    // From here on the recent looks are those of the trouble.
    ...(health === 'sub-healthy' && state.found !== null ? { recent: [null, state.found] as const } : {}),
    found: null,
    upSince: health === 'dead' ? null : state.upSince,
    downs: down ? [...known, Math.floor(now / 1_000)].slice(-MOST_DOWNS) : known,
  };
}

/** How soon to look again (detection.md 2.7). */
function cadenceOf(state: AdaptiveState, backgroundLoss: number): Cadence {
  const { health, run, row, ill, slow, upSince, at } = state;
  switch (health) {
    case 'dead':
      if (upSince === null) return 'dead';
      return upSince === at ? { within: 250 } : 'normal';
    case 'sub-healthy':
      if (run !== null) return { within: 250 };
      // What serves nothing is looked at more often until that is certain.
      return { within: row < 0 && (row > -5 || row < -NOT_SERVING.looks * 3) ? 2_000 : 1_000 };
    case 'unknown':
    case 'healthy':
      if (run !== null) return { within: 250 };
      if (slow > SLOW_LIKELY) return { within: 250 };
      if (slow > SLOW_SUSPECTED || row < 0) return { within: 500 };
      if (health === 'unknown') return 'suspicious';
      return ill >= CALM || (ill > 0 && row < passesToCalm(backgroundLoss)) ? { within: 500 } : 'normal';
    default:
      return health satisfies never;
  }
}

/** Vantages asked at once: where looks are lost anyway, one answers mostly, and many would use up the budget of extra looks. */
function secondOpinions(backgroundLoss: number): number {
  return backgroundLoss >= LOSSY ? 1 : 4;
}

/** Where looks are lost anyway, a failure means less. */
function passesToCalm(backgroundLoss: number): number {
  if (backgroundLoss >= LOSSY) return 1;
  return backgroundLoss >= 0.05 ? 2 : ENOUGH;
}

function later(known: number | null, at: number): number {
  return known === null ? at : Math.max(known, at);
}

/** Ten-thousandths: the state stays small. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
