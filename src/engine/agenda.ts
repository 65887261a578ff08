/** When to look: the grid of a target's slots, and what is due next. Pure but for the heap. */

import type { Cadence } from '../core/rule.ts';
import type { TargetId } from '../core/target.ts';
import { hash32 } from '../lib/hash.ts';
import { Heap } from '../lib/heap.ts';

export interface Intervals {
  /** Milliseconds, as are the others. */
  readonly interval: number;
  readonly edgeInterval: number;
  readonly deadInterval: number;
}

export function intervalFor(intervals: Intervals, cadence: Cadence): number {
  // Beside the schedule, not instead of it.
  if (typeof cadence === 'object') return intervals.interval;
  switch (cadence) {
    case 'normal':
      return intervals.interval;
    case 'suspicious':
      return intervals.edgeInterval;
    case 'dead':
      return intervals.deadInterval;
    default:
      return cadence satisfies never;
  }
}

/**
 * Where in its interval a target's slots lie, 0 up to the interval: a hash of its id, so that restarts and other members
 * see the same grid and never stampede.
 */
export function phaseOf(target: TargetId, interval: number): number {
  return hash32(target) % Math.max(1, Math.floor(interval));
}

/** The first slot after `now` on the grid `phase + k × interval`. */
export function nextSlot(now: number, interval: number, phase: number): number {
  return now + interval - modulo(now - phase, interval);
}

/** How many slots lay strictly between `due` and `next`: those that were missed. */
export function slotsBetween(due: number, next: number, interval: number): number {
  return Math.max(0, Math.round((next - due) / interval) - 1);
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** The due times of all targets of an engine. */
export type Agenda = Heap<TargetId>;

export function createAgenda(): Agenda {
  return new Heap<TargetId>();
}
