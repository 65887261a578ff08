/** What holds back writes of `dead` when too much goes down at once. Pure; recoveries never come here. */

import type { InstanceId } from '../core/instance.ts';

/** Why a write waits; the label of sonde_held_instances. */
const HOLDS = ['max-unavailable', 'mass-change', 'frozen', 'self-doubt', 'operator', 'paused'] as const;
export type Hold = (typeof HOLDS)[number];

/** An instance that is dead and not yet written so. */
export interface Candidate {
  readonly id: InstanceId;
  readonly service: string;
  /** `Clock.now()` since when it is dead. */
  readonly since: number;
}

export interface Census {
  /** Instances in the snapshot that are not draining. */
  readonly size: number;
  /** Of those, already disabled, or written or on their way to be written dead. */
  readonly unavailable: number;
  /** Share of `size` that may be unavailable. */
  readonly maxUnavailable: number;
}

/** How many may be unavailable: the share rounded down, at least one. */
export function unavailableLimit(census: Census): number {
  return Math.max(1, Math.floor(census.size * census.maxUnavailable));
}

/** The candidates that the floor of their service lets through, the longest dead first. */
export function belowFloor(
  candidates: readonly Candidate[],
  census: ReadonlyMap<string, Census>,
): ReadonlySet<InstanceId> {
  const room = new Map<string, number>();
  const admitted = new Set<InstanceId>();
  const inOrder = [...candidates].sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
  for (const { id, service } of inOrder) {
    const here = census.get(service);
    if (here === undefined) continue;
    const left = room.get(service) ?? unavailableLimit(here) - here.unavailable;
    if (left > 0) admitted.add(id);
    room.set(service, left - 1);
  }
  return admitted;
}

export interface BrakeLimits {
  /** Share of the registry's instances that may be written dead within a minute at once; three always may. */
  readonly allowance: number;
  /** Share above which nothing is written dead any more. */
  readonly freezeAbove: number;
}

export interface BrakeState {
  /** `Clock.now()` of the writes of `dead` that were let through, of the last minute. */
  readonly recent: readonly number[];
  /** A mass event under way: when it began, when it last grew, and how large it was then. */
  readonly mass: { readonly began: number; readonly grew: number; readonly size: number } | null;
  /** Frozen: since when the share has been small enough again, null while it is not. */
  readonly frozen: { readonly calmSince: number | null } | null;
}

export const CALM: BrakeState = { recent: [], mass: null, frozen: null };

/** `doubted`: frozen because the prober doubts itself. */
export type BrakeDecision = 'pass' | 'wait' | 'frozen' | 'doubted';

const MINUTE = 60_000;
const ALWAYS = 3;
/** A mass event is complete when no suspect is left, when it has not grown for this long, or is this old. */
const SETTLED = 2_000;
const PATIENCE = 10_000;
/** A freeze ends when the share has been small enough for this long. */
const THAW = 10_000;

/**
 * One look at the brake of a registry: `pending` are dead and not yet written so (held ones included), `total` are all its
 * instances. After cut detection (Rapid, Suresh et al., USENIX ATC 2018) as said in DESIGN, Guard.
 */
export function brake(
  state: BrakeState,
  input: {
    readonly pending: number;
    /** Those that nobody has reached for a second and that are not judged yet: the event may still be growing. */
    readonly suspects?: number;
    readonly total: number;
    readonly now: number;
    readonly released: boolean;
    /** The prober doubts itself: not even a few pass. */
    readonly doubted?: boolean;
  },
  limits: BrakeLimits,
): { readonly state: BrakeState; readonly decision: BrakeDecision } {
  const { pending, total, now, suspects = 0 } = input;
  const recent = state.recent.filter((at) => now - at < MINUTE);
  const affected = pending + recent.length;
  if (pending === 0) return { state: { recent, mass: null, frozen: null }, decision: 'pass' };
  if (input.released) return { state: { recent, mass: null, frozen: null }, decision: 'pass' };
  const size = pending + suspects;
  const grown = state.mass === null || size > state.mass.size;
  const mass = {
    began: state.mass?.began ?? now,
    grew: state.mass === null || grown ? now : state.mass.grew,
    size: Math.max(size, state.mass?.size ?? 0),
  };
  if (input.doubted === true)
    return { state: { recent, mass, frozen: { calmSince: null } }, decision: 'doubted' };
  if (affected + suspects <= Math.max(ALWAYS, Math.floor(total * limits.allowance)))
    return { state: { recent, mass: null, frozen: null }, decision: 'pass' };

  if (affected > total * limits.freezeAbove)
    return { state: { recent, mass, frozen: { calmSince: null } }, decision: 'frozen' };
  if (state.frozen !== null) {
    const calmSince = state.frozen.calmSince ?? now;
    if (now - calmSince < THAW) return { state: { recent, mass, frozen: { calmSince } }, decision: 'frozen' };
  }
  // Nobody is between alive and dead any more: the cut is whole.
  const whole = input.suspects !== undefined && suspects === 0;
  const complete = whole || now - mass.grew >= SETTLED || now - mass.began >= PATIENCE;
  // The batch goes out once: what dies after it is another event.
  return complete
    ? { state: { recent, mass: null, frozen: null }, decision: 'pass' }
    : { state: { recent, mass, frozen: null }, decision: 'wait' };
}

/** Writes of `dead` were let through. */
export function countPassed(state: BrakeState, count: number, now: number): BrakeState {
  return { ...state, recent: [...state.recent, ...Array.from({ length: count }, () => now)] };
}
