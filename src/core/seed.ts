/** What is known of a target before its first observation. */

import type { Reason } from './cause.ts';
import type { Health } from './health.ts';

export interface Seed {
  /** From an earlier process or from sonde's own mark in the registry, else `unknown`. */
  readonly health: Health;
  readonly reason: Reason;
  /** `Clock.now()` until which failures do not count unless the target has passed once (the check's startPeriod). */
  readonly graceUntil: number;
  /** `Clock.now()` since when the health holds, where that is known. */
  readonly since?: number;
  /** The state of the rule as an earlier process saved it; `Rule.restore` says what it is worth. */
  readonly saved?: unknown;
  /** The same of the check's shadow rule. */
  readonly savedShadow?: unknown;
}
