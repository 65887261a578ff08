/** The rule `success-rate` with a fixed window, as DESIGN section 2 (Rules) says it. */

import { z } from 'zod';
import type { FailureCause, Reason } from '../core/cause.ts';
import type { Explanation, Narration } from '../core/explanation.ts';
import { HEALTHS, type Health } from '../core/health.ts';
import type { Cadence, Env, Rule, RulePlugin, Step, Verdict } from '../core/rule.ts';
import type { Seed } from '../core/seed.ts';
import { duration, share } from '../options/fields.ts';
import { Adaptive } from './adaptive/adaptive.ts';
import { type Evidence, evidenceOf, NOT_REACHED, PASSED } from './evidence.ts';
import { slowOverField } from './fields.ts';
import { add, EMPTY, isFull, startOf, timeOf, type Window, type WindowSize } from './window.ts';

/** What `healthyAbove` is unless said: 5 points above. Rounded, so that 80 % + 5 points is the 0.85 of 17 in 20. */
function fivePointsAbove(share: number): number {
  return Math.min(1, Math.round((share + 0.05) * 1e9) / 1e9);
}

const MIN_SAMPLES = 5;

const windowField = z
  .union(
    [
      z.literal('adaptive'),
      z.strictObject({ count: z.number().int().min(1).max(10_000) }),
      z.strictObject({ time: duration }),
    ],
    { error: () => 'a window is { count: N }, { time: SPAN } or adaptive' },
  )
  .meta({ description: 'The last N outcomes, those of a span of time, or whatever shows trouble soonest' });

/** Of the fixed window only. */
const FIXED = ['minSamples', 'fall', 'rise', 'healthyAbove', 'confirm'] as const;

const options = z
  .strictObject({
    window: windowField.default('adaptive'),
    minSamples: z.number().int().min(1).max(10_000).optional().meta({
      description: 'No rate is judged over fewer counted outcomes than this; default 5',
    }),
    fall: z.number().int().min(1).max(1_000).optional().meta({
      description: 'Outcomes in a row that did not reach the target, for dead; default 3',
    }),
    rise: z.number().int().min(1).max(1_000).optional().meta({
      description: 'Outcomes in a row that reached the target again, for dead to sub-healthy; default 2',
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
    falseDeathsPerYear: z.number().gt(0).max(1_000).optional().meta({
      description: 'Adaptive: false deaths of one healthy target a year, at most; default 0.01',
    }),
    slowOver: slowOverField,
    confirm: z.number().int().min(0).max(4).optional().meta({
      description: 'Extra looks at once after the first outcome that did not pass; default 0',
    }),
  })
  .superRefine((given, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const { window, subHealthyBelow, deadBelow } = given;
    if (deadBelow > 0 && deadBelow >= subHealthyBelow) wrong('deadBelow', 'must be below subHealthyBelow');
    if (window === 'adaptive') {
      for (const key of FIXED)
        if (given[key] !== undefined)
          wrong(key, 'belongs to a fixed window and means nothing to the adaptive one');
      return;
    }
    if (given.falseDeathsPerYear !== undefined)
      wrong('falseDeathsPerYear', 'belongs to the adaptive window and means nothing to a fixed one');
    if (given.healthyAbove !== undefined && given.healthyAbove < subHealthyBelow)
      wrong('healthyAbove', 'must not be below subHealthyBelow');
    if ('count' in window && (given.minSamples ?? MIN_SAMPLES) > window.count)
      wrong('minSamples', 'must not be above the count of the window');
    if ('time' in window && window.time === 0) wrong('window', 'a span of no time holds nothing');
  })
  .transform(({ window, minSamples, fall, rise, healthyAbove, confirm, falseDeathsPerYear, ...both }) =>
    window === 'adaptive'
      ? { ...both, window, falseDeathsPerYear: falseDeathsPerYear ?? 0.01 }
      : {
          ...both,
          window,
          minSamples: minSamples ?? MIN_SAMPLES,
          fall: fall ?? 3,
          rise: rise ?? 2,
          healthyAbove: healthyAbove ?? fivePointsAbove(both.subHealthyBelow),
          confirm: confirm ?? 0,
        },
  );

export type SuccessRateOptions = z.output<typeof options>;
type FixedOptions = Exclude<SuccessRateOptions, { readonly window: 'adaptive' }>;

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
  create: (given, { interval }) =>
    (isFixed(given) ? new SuccessRate(given, interval) : new Adaptive(given, interval)) as Rule,
};

function isFixed(given: SuccessRateOptions): given is FixedOptions {
  return given.window !== 'adaptive';
}

class SuccessRate implements Rule<SuccessRateState> {
  readonly #options: FixedOptions;
  readonly #size: WindowSize;
  readonly #interval: number;

  constructor(given: FixedOptions, interval: number) {
    this.#options = given;
    this.#interval = interval;
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

  explain(state: SuccessRateState, { time }: Narration): Explanation {
    const { health, window, last, inRow, reachedInRow } = state;
    const { fall, rise, subHealthyBelow, healthyAbove } = this.#options;
    const total = window.samples.length;
    const since = startOf(window);
    const missed = last === NOT_REACHED ? inRow : 0;
    const failed = total === 0 ? 0 : Math.round((100 * (total - window.passed)) / total);
    const rate = `${failed} % of the last ${looks(total)} failed`;
    const row = missed > 1 ? `none of the last ${missed} reached it; ` : '';
    const dead = {
      to: 'dead',
      when: `${looks(Math.max(1, fall - missed))} more in a row that do not reach it`,
    } as const;
    const ill = { to: 'sub-healthy', when: `a success rate below ${percent(subHealthyBelow)}` } as const;
    const well = { to: 'healthy', when: `a success rate of ${percent(healthyAbove)} or better` } as const;
    const first = { to: 'healthy', when: `a success rate of ${percent(subHealthyBelow)} or better` } as const;
    const answers = state.reason === 'not-serving' ? 'pass' : 'reach it';
    const back = {
      to: 'sub-healthy',
      when: `${looks(Math.max(1, rise - reachedInRow))} more in a row that ${answers}`,
    } as const;
    const changes = {
      unknown: [first, ill, dead],
      healthy: [ill, dead],
      'sub-healthy': [well, dead],
      dead: [back],
    };
    return {
      because: since === null ? 'the window is empty' : `${row}${rate} since ${time(since)}`,
      counters: {
        passed: window.passed,
        reached: window.reached,
        total,
        missedInRow: missed,
        reachedInRow,
        fall,
        rise,
      },
      changes: changes[health],
    };
  }

  /** The health is believed; a window that has aged away is not. */
  restore(saved: unknown, now: number): SuccessRateState | undefined {
    if (!isState(saved)) return undefined;
    const newest = saved.window.samples.at(-1);
    const span = 'time' in this.#size ? this.#size.time : this.#size.count * this.#interval;
    if (newest !== undefined && now - timeOf(newest) <= span) return saved;
    const { health, reason, graceUntil } = saved;
    return this.initial({ health, reason, graceUntil });
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

function isState(saved: unknown): saved is SuccessRateState {
  if (typeof saved !== 'object' || saved === null) return false;
  const one = saved as Partial<Record<keyof SuccessRateState, unknown>>;
  const { version, window, inRow, reachedInRow, graceUntil } = one;
  if (version !== 1 || !HEALTHS.some((health) => health === one.health)) return false;
  if (typeof window !== 'object' || window === null || typeof one.reason !== 'string') return false;
  const { samples, passed, reached, slow } = window as Partial<Window>;
  const numbers = [inRow, reachedInRow, graceUntil, passed, reached, slow];
  return numbers.every(Number.isFinite) && Array.isArray(samples) && samples.every(Number.isFinite);
}

function looks(count: number): string {
  return `${count} look${count === 1 ? '' : 's'}`;
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

/** The reason is latched: it changes only with the nature of the trouble. */
function subHealthy(state: SuccessRateState): SuccessRateState {
  const { health, reason, window } = state;
  if (health === 'sub-healthy' && (reason === 'low-success-rate' || reason === 'slow')) return state;
  const mostlySlow = window.slow * 2 > window.samples.length - window.passed;
  return { ...state, health: 'sub-healthy', reason: mostlySlow ? 'slow' : 'low-success-rate' };
}
