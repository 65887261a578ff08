/** The rule `success-rate` with a fixed window, as DESIGN section 2 (Rules) says it. */

import { z } from 'zod';
import type { FailureCause, Reason } from '../core/cause.ts';
import type { Health } from '../core/health.ts';
import type { Cadence, Env, Rule, RulePlugin, Step, Verdict } from '../core/rule.ts';
import type { Seed } from '../core/seed.ts';
import { duration, share } from '../options/fields.ts';
import { type Evidence, evidenceOf, NOT_REACHED, PASSED } from './evidence.ts';
import { confirmField, slowOverField } from './fields.ts';
import { add, EMPTY, isFull, startOf, type Window, type WindowSize } from './window.ts';

/** What `healthyAbove` is unless said: 5 points above. Rounded, so that 80 % + 5 points is the 0.85 of 17 in 20. */
function fivePointsAbove(share: number): number {
  return Math.min(1, Math.round((share + 0.05) * 1e9) / 1e9);
}

const windowField = z
  .union(
    [z.strictObject({ count: z.number().int().min(1).max(10_000) }), z.strictObject({ time: duration })],
    {
      error: ({ input }) =>
        input === 'adaptive'
          ? 'the adaptive window is not there yet; a window is { count: N } or { time: SPAN }'
          : 'a window is { count: N } or { time: SPAN }',
    },
  )
  .meta({ description: 'The last N outcomes, or those of a span of time' });

const options = z
  .strictObject({
    window: windowField.default({ count: 20 }),
    minSamples: z.number().int().min(1).max(10_000).default(5).meta({
      description: 'No rate is judged over fewer counted outcomes than this',
    }),
    fall: z.number().int().min(1).max(1_000).default(3).meta({
      description: 'Outcomes in a row that did not reach the target, for dead',
    }),
    rise: z.number().int().min(1).max(1_000).default(2).meta({
      description: 'Outcomes in a row that reached the target again, for dead to sub-healthy',
    }),
    deadBelow: share.default(0.1).meta({
      description:
        'Dead (not-serving) below this rate over a full window while peers serve; 0 switches it off',
    }),
    subHealthyBelow: share.default(0.84).meta({ description: 'Sub-healthy below this success rate' }),
    healthyAbove: share.optional().meta({
      description:
        'Back to healthy at this success rate; default subHealthyBelow plus 5 points, at most 100%',
    }),
    slowOver: slowOverField,
    confirm: confirmField,
  })
  .transform((given) => ({
    ...given,
    healthyAbove: given.healthyAbove ?? fivePointsAbove(given.subHealthyBelow),
  }))
  .superRefine((given, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (given.healthyAbove < given.subHealthyBelow)
      wrong('healthyAbove', 'must not be below subHealthyBelow');
    if (given.deadBelow > 0 && given.deadBelow >= given.subHealthyBelow)
      wrong('deadBelow', 'must be below subHealthyBelow');
    if ('count' in given.window && given.minSamples > given.window.count)
      wrong('minSamples', 'must not be above the count of the window');
    if ('time' in given.window && given.window.time === 0) wrong('window', 'a span of no time holds nothing');
  });

export type SuccessRateOptions = z.output<typeof options>;

interface SuccessRateState {
  readonly version: 1;
  readonly health: Health;
  readonly reason: Reason;
  readonly window: Window;
  /** The last evidence, null before the first, and how many of its kind stood in a row. */
  readonly last: Evidence | null;
  readonly inRow: number;
  readonly reachedInRow: number;
  /** Failures before this do not count; 0 once there was a pass. */
  readonly graceUntil: number;
}

export const successRateRule: RulePlugin<SuccessRateOptions> = {
  name: 'success-rate',
  summary:
    'Judges by the share of recent looks that passed, and by looks in a row that did not reach the target.',
  options,
  create: (given) => new SuccessRate(given) as Rule,
};

class SuccessRate implements Rule<SuccessRateState> {
  readonly #options: SuccessRateOptions;
  readonly #size: WindowSize;

  constructor(given: SuccessRateOptions) {
    this.#options = given;
    this.#size = given.window;
  }

  initial(seed: Seed): SuccessRateState {
    const { health, reason, graceUntil } = seed;
    return { version: 1, health, reason, window: EMPTY, last: null, inRow: 0, reachedInRow: 0, graceUntil };
  }

  step(state: SuccessRateState, observation: Parameters<Rule['step']>[1], env: Env): Step<SuccessRateState> {
    const found = evidenceOf(observation, this.#options);
    if (found === undefined) return this.#unmoved(state);
    const { evidence, cause } = found;
    if (evidence !== PASSED && env.now < state.graceUntil) return this.#unmoved(state);
    const counted: SuccessRateState = {
      ...state,
      window: add(state.window, this.#size, evidence, env.now),
      last: evidence,
      inRow: evidence === state.last ? state.inRow + 1 : 1,
      reachedInRow: evidence === NOT_REACHED ? 0 : state.reachedInRow + 1,
      graceUntil: evidence === PASSED ? 0 : state.graceUntil,
    };
    const judged = this.#judge(counted, cause, env);
    const worse = evidence !== PASSED && (state.last === PASSED || state.last === null);
    return {
      state: judged,
      verdict: this.verdict(judged),
      cadence: this.#cadence(judged),
      confirmations: worse && judged.health !== 'dead' ? this.#options.confirm : 0,
    };
  }

  verdict(state: SuccessRateState): Verdict {
    const { health, reason, window, inRow } = state;
    const total = window.samples.length;
    const { passed, reached } = window;
    return {
      health,
      reason,
      numbers: {
        rate: total === 0 ? null : passed / total,
        reach: total === 0 ? null : reached / total,
        passed,
        total,
        inRow,
        windowStart: startOf(window),
      },
    };
  }

  #unmoved(state: SuccessRateState): Step<SuccessRateState> {
    return { state, verdict: this.verdict(state), cadence: this.#cadence(state), confirmations: 0 };
  }

  /** The health that follows, in the order in which the tests outrank each other. */
  #judge(state: SuccessRateState, cause: FailureCause | undefined, env: Env): SuccessRateState {
    const { fall, minSamples, deadBelow, subHealthyBelow, healthyAbove } = this.#options;
    const { health, window } = state;
    // Outcomes in a row are evidence without a rate: a span that never holds minSamples must not hide a refused connection.
    if (health === 'dead') return this.#recovered(state) ? this.#afresh(state) : state;
    if (state.last === NOT_REACHED && state.inRow >= fall)
      return { ...state, health: 'dead', reason: cause ?? 'connect-refused' };
    const total = window.samples.length;
    if (total < minSamples) return state;
    const rate = window.passed / total;
    // Without peers nobody can tell the instance from what it depends on.
    if (rate < deadBelow && isFull(window, this.#size, env.now) && env.peers.total > 0) {
      return env.peers.serving > 0
        ? { ...state, health: 'dead', reason: 'not-serving' }
        : { ...state, health: 'sub-healthy', reason: 'dependency-suspected' };
    }
    if (rate < subHealthyBelow) return subHealthy(state);
    if (health === 'unknown') return { ...state, health: 'healthy', reason: 'passing' };
    if (health === 'sub-healthy' && rate >= healthyAbove)
      return { ...state, health: 'healthy', reason: 'recovered' };
    return state;
  }

  #recovered(state: SuccessRateState): boolean {
    const { rise } = this.#options;
    if (state.reason === 'not-serving') return state.last === PASSED && state.inRow >= rise;
    return state.reachedInRow >= rise;
  }

  #afresh(state: SuccessRateState): SuccessRateState {
    return { ...state, health: 'sub-healthy', reason: 'recovered', window: EMPTY };
  }

  /** A change is pending when the last outcome points away from the health, or nothing is decided yet. */
  #cadence(state: SuccessRateState): Cadence {
    const { health, last, window } = state;
    switch (health) {
      case 'unknown':
        return 'suspicious';
      case 'healthy':
        return last === PASSED || last === null ? 'normal' : 'suspicious';
      case 'sub-healthy': {
        const climbing =
          window.samples.length > 0 && window.passed / window.samples.length >= this.#options.subHealthyBelow;
        return last === NOT_REACHED || climbing || window.samples.length < this.#options.minSamples
          ? 'suspicious'
          : 'normal';
      }
      case 'dead':
        return state.reachedInRow > 0 ? 'suspicious' : 'dead';
      default:
        return health satisfies never;
    }
  }
}

/** The reason is latched: it changes only with the nature of the trouble. */
function subHealthy(state: SuccessRateState): SuccessRateState {
  const { health, reason, window } = state;
  if (health === 'sub-healthy' && (reason === 'low-success-rate' || reason === 'slow')) return state;
  const mostlySlow = window.slow * 2 > window.samples.length - window.passed;
  return { ...state, health: 'sub-healthy', reason: mostlySlow ? 'slow' : 'low-success-rate' };
}
