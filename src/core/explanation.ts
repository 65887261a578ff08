/** Why a target is judged as it is, in the words of its rule. */

import type { Health } from './health.ts';

export interface Explanation {
  /** One clause with the numbers that made the verdict: "38 % of the last 21 looks failed since 14:02:11". */
  readonly because: string;
  /** The rule's counters and thresholds by name, as they stand. */
  readonly counters: Readonly<Record<string, number | string | null>>;
  /** What would change the health, the nearest first: "3 more looks in a row that pass". */
  readonly changes: readonly { readonly to: Health; readonly when: string }[];
}

/** What a rule needs to speak of time. */
export interface Narration {
  /** `Clock.now()`. */
  readonly now: number;
  /** A `Clock.now()` as time of day for people. */
  readonly time: (at: number) => string;
  /** Share of looks that fail although nothing is wrong, as it is now; where nobody knows, 1 %. */
  readonly backgroundLoss?: number;
}
