/** The sub-healthy test of the adaptive window: a one-sided Bernoulli CUSUM over failures. Pure formulas. */

export interface Weights {
  /** Nats that a failure adds. */
  readonly failure: number;
  /** Nats that a pass takes off. */
  readonly pass: number;
  /** Share of failing looks of a target that is well. */
  readonly healthy: number;
}

/** Seven failures in a row; 14 and 16 make false alarms rarer and detection slower (detection.md 2.3). */
export const SUB_HEALTHY_AT = 12;

/**
 * What failures and passes weigh (detection.md sections 1 and 2.3): from the knob s `p0 = (1-s)/3.2`, `p1 = 2.2(1-s)`,
 * and from the background loss b `p0 >= 1.25 b`, `p1 >= 2 p0 + 0.1`; failure `ln(p1/p0)`, pass `ln((1-p0)/(1-p1))`. With
 * 84 % and b = 1 %: 0.05, 0.352, +1.95 and -0.38; sub-healthy below a lasting rate of 83.6 %.
 */
export function subHealthyWeights(subHealthyBelow: number, backgroundLoss: number): Weights {
  const bad = Math.max(1e-4, 1 - subHealthyBelow);
  const healthy = Math.min(0.4, Math.max(bad / 3.2, 1.25 * backgroundLoss));
  // Where the knob decides p0 it decides p1 too; where the loss does, the two are kept apart.
  const apart = 1.25 * backgroundLoss > bad / 3.2 ? 2 * healthy + 0.1 : 0;
  const ill = Math.min(0.9, Math.max(2.2 * bad, apart));
  return { failure: Math.log(ill / healthy), pass: Math.log((1 - healthy) / (1 - ill)), healthy };
}

/**
 * Upper bound (Chernoff) of how often a healthy target shows at least `failed` of `total`, a year:
 * `R exp(-total KL(failed/total, p0))` with `R` looks a year. 8 of 21 at p0 = 0.05 every 5 s: KL = 0.509, so
 * `R exp(-10.7)` = 145 a year.
 */
export function yearlyAtMost(failed: number, total: number, p0: number, interval: number): number {
  const looks = 31_536_000_000 / interval;
  const share = total === 0 ? 0 : failed / total;
  if (share <= p0) return looks;
  const distance =
    share * Math.log(share / p0) + (share === 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - p0)));
  return looks * Math.exp(-total * distance);
}
