/** What the engine asks of the prober's doubt of itself, for every look that it makes or hears of. */

import type { Observation } from './observation.ts';
import type { Outcome } from './outcome.ts';

export interface SelfDoubt {
  /** False: what is seen to fail from here is no evidence now. */
  readonly credible: boolean;
  /** What timeouts are multiplied with: 1 to 3. */
  readonly timeoutFactor: number;
  /** The outcome, or a skip where time ran out while this process could not run. Times by `Clock.now()`, `timeout` in milliseconds. */
  taint(outcome: Outcome, startedAt: number, endedAt: number, timeout: number): Outcome;
  /** Milliseconds of an interval in which this process could not run: a duration is too long by so much. */
  lost(from: number, to: number): number;
  /** Every observation, after it was tainted; those of other vantages too. */
  heard(observation: Observation): void;
  /** Milliseconds a scheduled look began after it was due, without what it waited for a place at its host. */
  late(ms: number): void;
}

/** Of one who never doubts. */
export const NO_DOUBT: SelfDoubt = {
  credible: true,
  timeoutFactor: 1,
  taint: (outcome) => outcome,
  lost: () => 0,
  heard: () => undefined,
  late: () => undefined,
};
