/** What the adaptive window keeps of a target: under 400 bytes of JSON, whatever happens. */

import type { Reason } from '../../core/cause.ts';
import { HEALTHS, type Health } from '../../core/health.ts';
import type { Seed } from '../../core/seed.ts';

/** Passed, reached, total, and `Clock.now()` of the first. */
export type Tally = readonly [passed: number, reached: number, total: number, since: number];

/** An open row of looks that did not reach: since (start of the first look), how many, nats, frozen p0, who looked. */
export type Run = readonly [
  since: number,
  looks: number,
  evidence: number,
  p0: number,
  votes: readonly string[],
];

export interface AdaptiveState {
  readonly version: 1;
  readonly window: 'adaptive';
  readonly health: Health;
  readonly reason: Reason;
  /** `Clock.now()` of the last counted look. */
  readonly at: number;
  /** When the look began that was the last to begin of those that were answered; null before the first. */
  readonly answered: number | null;
  /** Failures before this do not count; 0 once there was a pass. */
  readonly grace: number;
  /** Looks that point the same way: positive passes, negative failures. */
  readonly row: number;
  readonly run: Run | null;
  /** Share of looks that did not reach though the target lived, of this target alone. */
  readonly own: number;
  /** The longest outage that healed, milliseconds, and when. */
  readonly outage: readonly [length: number, at: number];
  /** Nats for sub-healthy, for healthy, for slow. */
  readonly ill: number;
  readonly well: number;
  readonly slow: number;
  /** Since `ill` was last 0: the window that decides. */
  readonly found: Tally | null;
  /** The looks lately: two halves, of which the older is dropped when the newer is full. */
  readonly recent: readonly [older: Tally | null, newer: Tally | null];
  /** When it last went down, oldest first, at most six: whole seconds. */
  readonly downs: readonly number[];
  /** Since when it is reached and nothing passes, and since when it is up again; null where it does not apply. */
  readonly failingSince: number | null;
  readonly upSince: number | null;
}

export function initialState({ health, reason, graceUntil }: Seed): AdaptiveState {
  return {
    version: 1,
    window: 'adaptive',
    health,
    reason,
    at: 0,
    answered: null,
    grace: graceUntil,
    row: 0,
    run: null,
    own: 0.01,
    outage: [0, 0],
    ill: 0,
    well: 0,
    slow: 0,
    found: null,
    recent: [null, null],
    downs: [],
    failingSince: null,
    upSince: null,
  };
}

/** Milliseconds after which what led up to a verdict is no evidence any more, however slowly the target is looked at. */
const BELIEVED = 60_000;

/** What a saved state is worth: its health and what it learnt, and its evidence while that is fresh. */
export function restoreState(saved: unknown, now: number, interval: number): AdaptiveState | undefined {
  if (!isState(saved)) return undefined;
  if (now - saved.at <= Math.max(BELIEVED, 3 * interval)) return saved;
  const { health, reason, grace, own, outage, downs } = saved;
  const fresh = initialState({ health, reason, graceUntil: grace });
  return { ...fresh, at: saved.at, answered: saved.answered, own, outage, downs };
}

function isState(saved: unknown): saved is AdaptiveState {
  if (typeof saved !== 'object' || saved === null) return false;
  const one = saved as Partial<Record<keyof AdaptiveState, unknown>>;
  const numbers = [one.at, one.grace, one.row, one.own, one.ill, one.well, one.slow];
  return (
    one.version === 1 &&
    one.window === 'adaptive' &&
    HEALTHS.some((health) => health === one.health) &&
    typeof one.reason === 'string' &&
    numbers.every(Number.isFinite) &&
    [one.outage, one.recent, one.downs].every(Array.isArray) &&
    [one.run, one.found].every((list) => list === null || Array.isArray(list)) &&
    [one.answered, one.failingSince, one.upSince].every((at) => at === null || typeof at === 'number')
  );
}

/** The tally with more looks in it. */
export function tallied(
  tally: Tally | null,
  passed: number,
  reached: number,
  total: number,
  at: number,
): Tally {
  if (tally === null) return [passed, reached, total, at];
  return [tally[0] + passed, tally[1] + reached, tally[2] + total, tally[3]];
}

/** Both halves as one. */
export function together([older, newer]: AdaptiveState['recent']): Tally | null {
  if (older === null || newer === null) return older ?? newer;
  return tallied(older, newer[0], newer[1], newer[2], newer[3]);
}
