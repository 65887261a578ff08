/** The ways back of the adaptive window: from sub-healthy by evidence, from dead by time that grows with flapping. Pure. */

/** Milliseconds that a target counts as flapping for each time it went down. */
export const FLAP_MEMORY = 3_600_000;
const HOLDS = [0, 0, 20_000, 40_000, 80_000, 160_000, 300_000];

/**
 * What looks weigh on the way up (detection.md 2.3): `pg = max(0.05, 1.25 b)`, `pbad = max(0.20, 2 pg + 0.1)`; a pass
 * `ln((1-pg)/(1-pbad))`, a failure `ln(pbad/pg)` off. b up to 4 %: +0.172 and -1.386.
 */
export function recoveryWeights(backgroundLoss: number): { readonly pass: number; readonly failure: number } {
  const good = Math.min(0.45, Math.max(0.05, 1.25 * backgroundLoss));
  const bad = Math.min(0.95, Math.max(0.2, 2 * good + 0.1));
  return { pass: Math.log((1 - good) / (1 - bad)), failure: Math.log(bad / good) };
}

/** Nats for healthy: 4.6, and 2.3 more for each further time it went down within the hour, at most four (detection.md 2.3). */
export function healthyAt(downs: number): number {
  return 4.6 + 2.3 * Math.min(4, Math.max(0, downs - 1));
}

/** Milliseconds that a dead target must have been up without a break: 0, 20, 40 ... 300 s (detection.md 2.3). */
export function holdAfter(downs: number): number {
  return HOLDS[Math.min(downs, HOLDS.length - 1)] ?? 0;
}
