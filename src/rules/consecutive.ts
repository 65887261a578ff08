/**
 * The rule `consecutive`: `rise` and `fall` in a row, counted as HAProxy counts them (its `rise`/`fall` keywords), with a
 * third state: `fall` outcomes in a row that did not pass make sub-healthy, `fall` in a row that did not reach make dead.
 */

import { z } from 'zod';
import { FAILURE_CAUSES, type FailureCause, HEALTH_REASONS, type Reason } from '../core/cause.ts';
import type { Explanation, Narration } from '../core/explanation.ts';
import { HEALTHS, type Health } from '../core/health.ts';
import type { Cadence, Env, Rule, RulePlugin, Step, Verdict } from '../core/rule.ts';
import type { Seed } from '../core/seed.ts';
import { type Evidence, evidenceOf, NOT_REACHED, PASSED, SLOW } from './evidence.ts';
import { confirmField, slowOverField } from './fields.ts';

const options = z.strictObject({
  rise: z.number().int().min(1).max(1_000).default(2).meta({ description: 'Passes in a row for healthy' }),
  fall: z.number().int().min(1).max(1_000).default(3).meta({
    description: 'Outcomes in a row that did not pass, for sub-healthy; that did not reach, for dead',
  }),
  slowOver: slowOverField,
  confirm: confirmField,
});

export type ConsecutiveOptions = z.output<typeof options>;

interface ConsecutiveState {
  readonly version: 1;
  readonly health: Health;
  readonly reason: Reason;
  readonly last: Evidence | null;
  /** In a row up to the last: passed, did not pass, reached without passing, did not reach. At most one million. */
  readonly passed: number;
  readonly notPassed: number;
  readonly failed: number;
  readonly notReached: number;
  /** Of `notPassed`, those that did not reach. */
  readonly missed: number;
  /** `Clock.now()` at which the row began. */
  readonly rowStart: number | null;
  /** Failures before this do not count; 0 once there was a pass. */
  readonly graceUntil: number;
}

export const consecutiveRule: RulePlugin<ConsecutiveOptions> = {
  name: 'consecutive',
  summary: 'Judges by outcomes in a row, as HAProxy counts rise and fall.',
  options,
  create: (given) => new Consecutive(given) as Rule,
};

class Consecutive implements Rule<ConsecutiveState> {
  readonly #options: ConsecutiveOptions;

  constructor(given: ConsecutiveOptions) {
    this.#options = given;
  }

  initial(seed: Seed): ConsecutiveState {
    const none = { last: null, passed: 0, notPassed: 0, failed: 0, notReached: 0, missed: 0, rowStart: null };
    return { version: 1, health: seed.health, reason: seed.reason, ...none, graceUntil: seed.graceUntil };
  }

  step(state: ConsecutiveState, observation: Parameters<Rule['step']>[1], env: Env): Step<ConsecutiveState> {
    const found = evidenceOf(observation, this.#options);
    const ignored = found === undefined || (found.evidence !== PASSED && env.now < state.graceUntil);
    if (ignored) return { state, verdict: this.verdict(state), cadence: cadenceOf(state), confirmations: 0 };
    const counted = count(state, found.evidence, env.now);
    const judged = { ...counted, ...this.#judge(counted, found.cause) };
    const worse = counted.notPassed === 1 && judged.health !== 'dead';
    return {
      state: judged,
      verdict: this.verdict(judged),
      cadence: cadenceOf(judged),
      confirmations: worse ? this.#options.confirm : 0,
    };
  }

  verdict(state: ConsecutiveState): Verdict {
    const { health, reason, passed, notPassed, missed, rowStart } = state;
    const total = passed + notPassed;
    return {
      health,
      reason,
      numbers: {
        rate: total === 0 ? null : passed / total,
        reach: total === 0 ? null : (total - missed) / total,
        passed,
        total,
        inRow: inRow(state),
        windowStart: rowStart,
      },
    };
  }

  explain(state: ConsecutiveState, { time }: Narration): Explanation {
    const { health, passed, notPassed, failed, notReached, rowStart } = state;
    const { rise, fall } = this.#options;
    const row = passed > 0 ? `${looks(passed)} passed` : `${looks(notPassed)} did not pass`;
    const up = {
      to: 'healthy',
      when: `${looks(Math.max(1, rise - passed))} more in a row that pass`,
    } as const;
    const down = {
      to: 'dead',
      when: `${looks(Math.max(1, fall - notReached))} more in a row that do not reach it`,
    } as const;
    const ill = {
      to: 'sub-healthy',
      when: `${looks(Math.max(1, fall - (health === 'dead' ? failed : notPassed)))} more in a row that ${health === 'dead' ? 'reach it and fail' : 'do not pass'}`,
    } as const;
    const changes = {
      unknown: [up, ill, down],
      healthy: [ill, down],
      'sub-healthy': [up, down],
      dead: [up, ill],
    };
    return {
      because: rowStart === null ? 'nothing was seen of it yet' : `the last ${row}, since ${time(rowStart)}`,
      counters: { passedInRow: passed, notPassedInRow: notPassed, notReachedInRow: notReached, rise, fall },
      changes: changes[health],
    };
  }

  /** The health is believed; what stood in a row before the gap is not. */
  restore(saved: unknown): ConsecutiveState | undefined {
    if (typeof saved !== 'object' || saved === null) return undefined;
    const one = saved as Partial<Record<keyof ConsecutiveState, unknown>>;
    const { version, notPassed, graceUntil } = one;
    const health = HEALTHS.find((known) => known === one.health);
    const reason = REASONS.find((known) => known === one.reason);
    if (version !== 1 || health === undefined || reason === undefined) return undefined;
    if (typeof notPassed !== 'number' || typeof graceUntil !== 'number') return undefined;
    return this.initial({ health, reason, graceUntil });
  }

  #judge(
    state: ConsecutiveState,
    cause: FailureCause | undefined,
  ): Pick<ConsecutiveState, 'health' | 'reason'> {
    const { rise, fall } = this.#options;
    const { health, reason } = state;
    const stay = { health, reason };
    if (state.notReached >= fall)
      return health === 'dead' ? stay : { health: 'dead', reason: cause ?? 'connect-refused' };
    if (state.passed >= rise) {
      if (health === 'healthy') return stay;
      return { health: 'healthy', reason: health === 'unknown' ? 'passing' : 'recovered' };
    }
    // What is dead and now fails on contact is up again, and ill.
    if (health === 'dead')
      return state.failed >= fall ? { health: 'sub-healthy', reason: 'recovered' } : stay;
    if (state.notPassed >= fall && health !== 'sub-healthy')
      return { health: 'sub-healthy', reason: state.last === SLOW ? 'slow' : 'low-success-rate' };
    return stay;
  }
}

const REASONS: readonly Reason[] = [...FAILURE_CAUSES, ...HEALTH_REASONS];

function looks(count: number): string {
  return `${count} look${count === 1 ? '' : 's'}`;
}

/** Long rows are not told apart, and the state stays small. */
const MANY = 1_000_000;

function count(state: ConsecutiveState, evidence: Evidence, now: number): ConsecutiveState {
  const passed = evidence === PASSED;
  const notReached = evidence === NOT_REACHED;
  const turned = state.last === null || (state.last === PASSED) !== passed;
  return {
    ...state,
    last: evidence,
    passed: passed ? Math.min(MANY, state.passed + 1) : 0,
    notPassed: passed ? 0 : Math.min(MANY, state.notPassed + 1),
    failed: passed || notReached ? 0 : Math.min(MANY, state.failed + 1),
    notReached: notReached ? Math.min(MANY, state.notReached + 1) : 0,
    missed: passed ? 0 : Math.min(MANY, state.missed + (notReached ? 1 : 0)),
    rowStart: turned ? now : state.rowStart,
    graceUntil: passed ? 0 : state.graceUntil,
  };
}

function inRow(state: ConsecutiveState): number {
  if (state.last === PASSED) return state.passed;
  return state.last === NOT_REACHED ? state.notReached : state.failed;
}

function cadenceOf(state: ConsecutiveState): Cadence {
  const { health, last } = state;
  switch (health) {
    case 'unknown':
      return 'suspicious';
    case 'healthy':
      return last === PASSED || last === null ? 'normal' : 'suspicious';
    case 'sub-healthy':
      return last === PASSED || last === NOT_REACHED ? 'suspicious' : 'normal';
    case 'dead':
      return last === NOT_REACHED || last === null ? 'dead' : 'suspicious';
    default:
      return health satisfies never;
  }
}
