/** How long to wait before the next try. */

export interface Backoff {
  /** Milliseconds before the second try. */
  readonly base: number;
  /** No wait is longer, milliseconds. */
  readonly cap: number;
}

/**
 * Wait after `failures` failures in a row: doubled each time up to the cap, then spread over its upper half, so that many
 * waiters part ("equal jitter"; Brooker, Exponential Backoff And Jitter, AWS 2015). `random` is in [0, 1).
 */
export function backoffDelay(backoff: Backoff, failures: number, random: number): number {
  const full = Math.min(backoff.cap, backoff.base * 2 ** Math.max(0, failures - 1));
  return full / 2 + (full / 2) * random;
}
