/** The slow test of the adaptive window: a clipped CUSUM of log latencies against the peers' median. Pure formulas. */

/** A target that is slower than its peers by this factor for good is slow. */
const SHIFT = Math.log(2.5);
const LEAST_SPREAD = 0.35;
const CLIP = 2.5;
/** Milliseconds below which nobody is slow: the jitter of a local network. */
const FLOOR = 5;

export const SLOW_AT = 14;
/** From here on the target is looked at more often. */
export const SLOW_SUSPECTED = 3;
/** From here on as often as may be: chance alone seldom comes so far, and time is all that is missing. */
export const SLOW_LIKELY = SLOW_AT / 2;

/**
 * What the latency of one pass weighs: `clip(d/s^2 (x - d/2), +-2.5)` with `x = ln L - ln median`, `d = ln 2.5`,
 * `s^2 = max(0.35^2, 2.2 MAD^2)` (detection.md 2.6); latencies below 5 ms count as 5 ms. Three times the median of 20 ms:
 * x = 1.10, 4.8 clipped to 2.5; at the median -2.5.
 */
export function slowWeight(latency: number, median: number, spread: number): number {
  const over = Math.log(Math.max(FLOOR, latency) / Math.max(FLOOR, median));
  const variance = Math.max(LEAST_SPREAD ** 2, 2.2 * spread ** 2);
  return Math.max(-CLIP, Math.min(CLIP, (SHIFT / variance) * (over - SHIFT / 2)));
}
