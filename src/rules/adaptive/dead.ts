/** The dead test of the adaptive window: evidence from looks in a row that did not reach the target. Pure formulas. */

/** Seconds of a year. */
const YEAR = 31_536_000;
/** Share of looks that do not reach a dead target: one may slip through while it dies. */
const MISSED_WHEN_DEAD = 0.98;
/** A refused connection is an answer: packet loss never makes one. */
const REFUSED_WHEN_ALIVE = 0.002;
const LEAST_SPAN = 2_000;
const MOST_SPAN = 30_000;
const DAY = 86_400_000;

/**
 * `h_d = ln(R / phi)`: the evidence (nats) at which a healthy target becomes dead at most `phi` times a year when it is
 * looked at every `interval` milliseconds, `R` times a year (detection.md 2.2). 5 s and 0.01: ln(6 307 200 / 0.01) = 20.3.
 */
export function deadThreshold(interval: number, phi: number): number {
  return Math.log((YEAR * 1_000) / interval / phi);
}

/**
 * `p0 = min(0.5, max(0.01, 1.25 max(b, own)))`: share of looks that do not reach a target that is alive, from the background
 * loss of all targets and its own healed failures (detection.md 2.2). b = 0.1, own = 0.01: 0.125.
 */
export function missedWhenAlive(backgroundLoss: number, own: number): number {
  return Math.min(0.5, Math.max(0.01, 1.25 * Math.max(backgroundLoss, own)));
}

/**
 * What one look that did not reach weighs, nats: `ln(0.98 / p0)`; a refused one `ln(0.98 / 0.002)` = 6.19
 * (detection.md 2.2). p0 = 0.0125: 4.36, so that five in a row make 21.8.
 */
export function deadWeight(refused: boolean, p0: number): number {
  return Math.log(MISSED_WHEN_DEAD / (refused ? REFUSED_WHEN_ALIVE : p0));
}

/**
 * Milliseconds that nothing must have been reached, however strong the evidence: 1.5 times the longest outage of the last
 * day that healed by itself, 2 to 30 s (detection.md 2.2). After one of 4 s: 6 s; a day later 3 s.
 */
export function deadSpan(longest: number, age: number): number {
  return Math.min(MOST_SPAN, Math.max(LEAST_SPAN, 1.5 * longest * 0.5 ** (age / DAY)));
}

/** How often evidence of so many nats appears at a healthy target, a year, when looked at every `interval` ms. */
export function yearlyByChance(evidence: number, interval: number): number {
  return ((YEAR * 1_000) / interval) * Math.exp(-evidence);
}
