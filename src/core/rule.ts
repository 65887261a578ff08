/** A rule turns observations into verdicts: a pure reducer over a small, serialisable state. */

import type { Reason } from './cause.ts';
import type { Explanation, Narration } from './explanation.ts';
import type { Health } from './health.ts';
import type { Observation } from './observation.ts';
import type { Plugin } from './plugin.ts';
import type { Seed } from './seed.ts';

/** The other targets of the same check and service. */
export interface Peers {
  /** How many there are that have been judged. */
  readonly total: number;
  /** How many of them passed at their last counted look. */
  readonly serving: number;
  /** How many of them became sub-healthy within the last 60 s. */
  readonly turned?: number;
  /** Of their latest passes, where at least 5 passed within 60 s: milliseconds, and the spread (MAD) of the logarithms. */
  readonly latency?: { readonly median: number; readonly spread: number };
}

export interface Env {
  /** `Clock.now()`. */
  readonly now: number;
  /** Share of looks that fail although nothing is wrong, 0 to 1. */
  readonly backgroundLoss: number;
  readonly peers: Peers;
  /** False: the vantage doubts itself; its failures weigh nothing, its passes count. Absent: true. */
  readonly credible?: boolean;
  /** The vantages that must all have missed a target before it is dead; absent: whoever looked. */
  readonly votes?: readonly string[];
}

/** The numbers behind a verdict; rates are 0 to 1, null while nothing counted. */
export interface Numbers {
  readonly rate: number | null;
  readonly reach: number | null;
  readonly passed: number;
  readonly total: number;
  /** Outcomes in a row that point the same way as the last one. */
  readonly inRow: number;
  /** `Clock.now()` of the oldest counted outcome, null while nothing counted. */
  readonly windowStart: number | null;
}

export interface Verdict {
  readonly health: Health;
  /** Latched when the health was entered (or when the nature of the trouble changed), not the last cause. */
  readonly reason: Reason;
  readonly numbers: Numbers;
}

/**
 * How soon to look again: as configured, faster because a change is pending, slower because it is dead; or, beside the
 * normal schedule, once more within so many milliseconds, as far as the budget of extra looks allows.
 */
export type Cadence = 'normal' | 'suspicious' | 'dead' | { readonly within: number };

export interface Step<S> {
  readonly state: S;
  readonly verdict: Verdict;
  readonly cadence: Cadence;
  /** Extra looks wanted at once, 0 to 4. */
  readonly confirmations: number;
}

/** `S` is plain JSON with a `version`, so that it survives restarts and moves with its target. */
export interface Rule<S = unknown> {
  /**
   * It knows of `credible` and `votes`: it is shown failures of vantages that doubt themselves, for the votes that they are.
   * Other rules are shown a skip in their place.
   */
  readonly countsVotes?: true;
  initial(seed: Seed): S;
  /** Pure. A skip leaves all counters untouched. */
  step(state: S, observation: Observation, env: Env): Step<S>;
  /** The verdict of a state to which nothing was added. */
  verdict(state: S): Verdict;
  /** Why, for people. Without it only the numbers of the verdict are shown. */
  explain?(state: S, narration: Narration): Explanation;
  /**
   * What a state that an earlier process saved is still worth at `now`: evidence older than the window is not believed,
   * the health is. Undefined where it cannot be read (another version or another rule). Without it nothing is restored.
   */
  restore?(saved: unknown, now: number): S | undefined;
}

/** What a rule may know of the check that it judges for. Milliseconds. */
interface RuleDeps {
  readonly interval: number;
}

export type RulePlugin<O = unknown> = Plugin<O, RuleDeps, Rule>;
