/** A target's or an instance's health changed. */

import type { Reason } from './cause.ts';
import type { Health } from './health.ts';
import type { Numbers } from './rule.ts';
import type { TargetId } from './target.ts';

export interface Transition {
  readonly target: TargetId;
  readonly from: Health;
  readonly to: Health;
  readonly reason: Reason;
  readonly numbers: Numbers;
  /** `Clock.now()`. */
  readonly at: number;
}
