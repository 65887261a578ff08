/** The adaptive window in words: the window that decided, the rate over it, and how often chance alone would show it. */

import type { Explanation, Narration } from '../../core/explanation.ts';
import { deadSpan, missedWhenAlive, yearlyByChance } from './dead.ts';
import { healthyAt, holdAfter, recoveryWeights } from './recovery.ts';
import { SLOW_AT } from './slow.ts';
import { type AdaptiveState, type Tally, together } from './state.ts';
import { SUB_HEALTHY_AT, subHealthyWeights, yearlyAtMost } from './sub-healthy.ts';

export interface Bars {
  readonly interval: number;
  readonly deadAt: number;
  readonly subHealthyBelow: number;
}

export function explain(state: AdaptiveState, narration: Narration, bars: Bars): Explanation {
  return {
    because: because(state, narration, bars),
    counters: {
      evidenceForDead: state.run?.[2] ?? 0,
      deadAt: tenth(bars.deadAt),
      evidenceForSubHealthy: state.ill,
      subHealthyAt: SUB_HEALTHY_AT,
      evidenceForHealthy: state.well,
      healthyAt: tenth(healthyAt(state.downs.length)),
      evidenceForSlow: state.slow,
      slowAt: SLOW_AT,
      missedInRow: state.run?.[1] ?? 0,
      ownLoss: state.own,
      downsWithinAnHour: state.downs.length,
    },
    changes: changesOf(state, narration, bars),
  };
}

/** Where nobody knows better: what loss is taken to be before any was seen. */
const LOSS = 0.01;

function because(state: AdaptiveState, { now, time, backgroundLoss = LOSS }: Narration, bars: Bars): string {
  const { run, reason } = state;
  if (run !== null) {
    const [since, looks, evidence] = run;
    const chance = frequency(yearlyByChance(evidence, bars.interval));
    const none =
      looks === 1 ? 'the last look did not reach it' : `none of the last ${looks} looks reached it`;
    return `${none} since ${time(since)}; a healthy target would show this ${chance}`;
  }
  const seen = together(state.recent);
  if (seen === null) return 'nothing was seen of it yet';
  if (reason === 'slow' && state.health === 'sub-healthy') return rate(seen, time);
  if (state.health === 'healthy' || state.health === 'unknown') {
    // What failed before a recovery is still among the recent looks.
    const passing = state.row >= 2 && seen[0] < seen[2];
    return `${passing ? `the last ${state.row} looks passed, ` : ''}${rate(seen, time)}`;
  }
  // Healthy is what the network leaves of a target that never fails.
  const lost = Math.max(LOSS, backgroundLoss);
  const chance = frequency(yearlyAtMost(seen[2] - seen[0], seen[2], lost, bars.interval));
  return `${rate(seen, time)} (${span(now - seen[3])}); a healthy target would show this ${chance}`;
}

function rate([passed, , total, since]: Tally, time: Narration['time']): string {
  const share = Math.round((100 * (total - passed)) / total);
  const looks = total === 1 ? 'the last look' : `the last ${total} looks`;
  return `${share} % of ${looks} failed since ${time(since)}`;
}

/** The bars without background loss: what the nearest change takes at most. */
function changesOf(state: AdaptiveState, { now }: Narration, bars: Bars): Explanation['changes'] {
  const weights = subHealthyWeights(bars.subHealthyBelow, 0);
  const failures = Math.max(1, Math.ceil((SUB_HEALTHY_AT - state.ill) / weights.failure));
  const p0 = missedWhenAlive(0, state.own);
  const missed = Math.max(1, Math.ceil((bars.deadAt - (state.run?.[2] ?? 0)) / Math.log(0.98 / p0)));
  const quiet = span(deadSpan(state.outage[0], now - state.outage[1]));
  const dead = {
    to: 'dead',
    when: `${many(missed, 'more look')} in a row that ${missed === 1 ? 'does' : 'do'} not reach it, over at least ${quiet}`,
  } as const;
  switch (state.health) {
    case 'unknown':
      return [
        { to: 'healthy', when: `${many(Math.max(1, 3 - state.row), 'more look')} in a row that pass` },
        dead,
      ];
    case 'healthy':
      return [{ to: 'sub-healthy', when: `${many(failures, 'more look')} in a row that fail` }, dead];
    case 'sub-healthy': {
      const passes = Math.ceil((healthyAt(state.downs.length) - state.well) / recoveryWeights(0).pass);
      return [{ to: 'healthy', when: `${many(Math.max(1, passes), 'more look')} in a row that pass` }, dead];
    }
    case 'dead': {
      const answers = state.reason === 'not-serving' ? 'pass' : 'reach it';
      const hold = holdAfter(state.downs.length);
      const held = hold === 0 ? '' : `, and ${span(hold)} without a break`;
      return [{ to: 'sub-healthy', when: `2 looks in a row that ${answers}${held}` }];
    }
    default:
      return state.health satisfies never;
  }
}

function many(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** "once in 900 years", "3 times a year", "12 times a day". */
function frequency(yearly: number): string {
  if (yearly < 1e-6) return 'less than once in a million years';
  if (yearly < 0.5) return `once in ${rough(1 / yearly)} years`;
  if (yearly < 1.5) return 'once a year';
  if (yearly < 365) return `${rough(yearly)} times a year`;
  return `${rough(yearly / 365)} times a day`;
}

/** Two figures: more would say more than is known. */
function rough(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en-US');
}

function span(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 10) return `${tenth(seconds)} s`;
  return seconds < 600 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
