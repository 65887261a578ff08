/** Whether a failure is worth anything, given what this process lost while it looked. Pure. */

import type { Outcome } from '../core/outcome.ts';
import type { Loss } from './stalls.ts';

/** Causes that say that time ran out: everything else was said by the target. */
const TIMEOUTS: readonly string[] = ['connect-timeout', 'request-timeout', 'script-timeout'];

/**
 * The outcome, or a skip `prober-overload` where time ran out and we may have slept through the answer: a stall longer than
 * max(50 ms, a tenth of the timeout) fell into the look, or stalls took more than half of the timeout. A look that ended
 * before `timeout` had a shorter one, for connecting; its duration counts in its place. Milliseconds.
 */
export function tainted(
  outcome: Outcome,
  duration: number,
  timeout: number,
  loss: Loss | undefined,
): Outcome {
  if (outcome.kind !== 'fail' || !TIMEOUTS.includes(outcome.cause) || loss === undefined) return outcome;
  const allowed = Math.min(timeout, duration);
  if (loss.longest <= Math.max(50, allowed / 10) && loss.sum <= allowed / 2) return outcome;
  const lost = Math.round(Math.max(loss.longest, loss.sum));
  const detail = `the prober lost ${lost} of ${Math.round(duration)} ms itself (${loss.cause}): ${outcome.detail}`;
  return { kind: 'skip', cause: 'prober-overload', detail };
}
