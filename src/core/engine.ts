/** The engine's protocol: plain data in and out, so that it runs inline, in threads, or hears from other probers. */

import type { Observation } from './observation.ts';
import type { Verdict } from './rule.ts';
import type { Target, TargetId } from './target.ts';
import type { Transition } from './transition.ts';

export type ToEngine =
  /**
   * Own these targets from now on. One that is owned already keeps its state (its instance changed), unless its check was
   * made anew: then it begins with its seed.
   */
  | { readonly kind: 'assign'; readonly add: readonly Target[]; readonly remove: readonly TargetId[] }
  /** Evidence made elsewhere. */
  | { readonly kind: 'observe'; readonly observation: Observation }
  /**
   * The vantages that must all have missed a target before it is dead, from now on: those of the fleet that are neither blind
   * nor starved. Empty: whoever looked.
   */
  | { readonly kind: 'vantages'; readonly votes: readonly string[] }
  /** Other limits from now on. */
  | { readonly kind: 'limits'; readonly limits: EngineLimits }
  /** Look now, beside the schedule. */
  | { readonly kind: 'confirm'; readonly target: TargetId; readonly occasion: 'confirmation' | 'manual' };

export type FromEngine =
  /** A look (or evidence from elsewhere) was judged; in the order of judging, before the transition it made. */
  | {
      readonly kind: 'observed';
      readonly observation: Observation;
      readonly verdict: Verdict;
      /** Of the rule, for journal and explanation. */
      readonly state: unknown;
      /** What the check's shadow rule makes of it, where there is one. */
      readonly shadow?: { readonly verdict: Verdict; readonly state: unknown };
    }
  | { readonly kind: 'transition'; readonly transition: Transition }
  /** A rule wants other looks at once; the engine makes them itself, other vantages may too. */
  | { readonly kind: 'please-confirm'; readonly target: TargetId; readonly looks: number }
  | { readonly kind: 'numbers'; readonly numbers: EngineNumbers };

export interface EngineLimits {
  /** Looks in flight at once. */
  readonly concurrency: number;
  /** Of those at one host. */
  readonly perHost: number;
  /** Looks beside the schedule, as a share of the scheduled ones in the long run. */
  readonly extraLooks: number;
}

/** Counters since start, and gauges. Lateness is told as one value per started look. */
export interface EngineNumbers {
  readonly targets: number;
  readonly inFlight: number;
  readonly slotsSkipped: number;
  /** Looks beside the schedule that rules asked for. */
  readonly extraLooks: number;
  /** Of those, how many wait for the budget now. */
  readonly extraLooksWaiting: number;
  /** Share of looks from here that miss targets that are alive. */
  readonly backgroundLoss: number;
  /** Milliseconds each look started after it was due, since the last numbers. */
  readonly lateness: readonly number[];
}

export interface Engine {
  tell(message: ToEngine): void;
  /** Runs until aborted; then drains what is in flight. */
  run(signal: AbortSignal): Promise<void>;
}
