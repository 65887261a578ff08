/**
 * The recent evidence of a target: the last N outcomes, or those of a span of time. Pure and plain JSON; adding one
 * costs one copy of the window.
 */

import { type Evidence, NOT_REACHED, PASSED, SLOW } from './evidence.ts';

export type WindowSize = { readonly count: number } | { readonly time: number };

export interface Window {
  /** Oldest first, each `at * 4 + evidence` (exact: 2^53 is the year 73,000). */
  readonly samples: readonly number[];
  readonly passed: number;
  readonly reached: number;
  readonly slow: number;
  /** `Clock.now()` of the first outcome since the window was last empty, null before. */
  readonly began: number | null;
}

export const EMPTY: Window = { samples: [], passed: 0, reached: 0, slow: 0, began: null };

/** The window with one more outcome of the time `now`, and without those that it has no room for. */
export function add(window: Window, size: WindowSize, evidence: Evidence, now: number): Window {
  const samples = window.samples;
  let { passed, reached, slow } = window;
  let first = 0;
  while (first < samples.length && leaves(samples, first, size, now)) {
    const old = (samples[first] as number) % 4;
    if (old === PASSED) passed--;
    if (old === SLOW) slow--;
    if (old !== NOT_REACHED) reached--;
    first++;
  }
  // Emptied over a gap, it begins anew: what was seen before says nothing of the span that ends now.
  const began = window.began === null || first === samples.length ? now : window.began;
  const next = samples.slice(first);
  // Whole milliseconds: a fraction would spill into the evidence.
  next.push(Math.floor(now) * 4 + evidence);
  if (evidence === PASSED) passed++;
  if (evidence === SLOW) slow++;
  if (evidence !== NOT_REACHED) reached++;
  return { samples: next, passed, reached, slow, began };
}

function leaves(samples: readonly number[], index: number, size: WindowSize, now: number): boolean {
  if ('count' in size) return samples.length - index >= size.count;
  return Math.floor(now) - timeOf(samples[index] as number) > size.time;
}

/** `Clock.now()` of a sample, whole milliseconds. */
export function timeOf(sample: number): number {
  return Math.floor(sample / 4);
}

/**
 * A window of a count is full when it has that many; one of a span when its outcomes reach back at least the span without
 * a gap longer than the span.
 */
export function isFull(window: Window, size: WindowSize, now: number): boolean {
  if ('count' in size) return window.samples.length >= size.count;
  return window.began !== null && now - window.began >= size.time;
}

/** `Clock.now()` of the oldest outcome in it, null while it is empty. */
export function startOf(window: Window): number | null {
  const first = window.samples[0];
  return first === undefined ? null : timeOf(first);
}
