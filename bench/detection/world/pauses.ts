/** When a prober cannot run, and the clock of such a prober: what is due then happens afterwards. */

import type { Clock, Deadline } from '../../../src/core/clock.ts';
import { deadlineOn, type VirtualClock } from './clock.ts';
import { CHANNEL, exponential, streamOf } from './random.ts';

export interface Pause {
  readonly from: number;
  readonly to: number;
}

/** The end of the pause that `at` falls into, else `at`. */
export function awakeAt(pauses: readonly Pause[], at: number): number {
  let [low, high] = [0, pauses.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pauses[middle]?.from ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return Math.max(at, pauses[low - 1]?.to ?? at);
}

/** Stopped for so long at regular distances. */
export function regularPauses(from: number, until: number, every: number, length: number): readonly Pause[] {
  const pauses: Pause[] = [];
  for (let at = from; at < until; at += every) pauses.push({ from: at, to: at + length });
  return pauses;
}

/** A process that gets the CPU for a moment only and then waits for it, exponentially long. */
export function starvation(seed: number, from: number, until: number, mean: number): readonly Pause[] {
  const RUNS = 50;
  const draws = streamOf(seed, 'S11', 0, 0, CHANNEL.noise);
  const pauses: Pause[] = [];
  for (let at = from, index = 0; at < until; index++) {
    const to = at + exponential(draws, index, mean);
    pauses.push({ from: at, to });
    at = to + RUNS;
  }
  return pauses;
}

export class PausableClock implements Clock {
  readonly #clock: VirtualClock;
  readonly #pauses: readonly Pause[];

  constructor(clock: VirtualClock, pauses: readonly Pause[]) {
    this.#clock = clock;
    this.#pauses = pauses;
  }

  now(): number {
    return this.#clock.now();
  }

  wall(): number {
    return this.#clock.wall();
  }

  after(ms: number, run: () => void): Disposable {
    const due = this.#clock.now() + Math.max(0, ms);
    return this.#clock.after(awakeAt(this.#pauses, due) - this.#clock.now(), run);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    const due = this.#clock.now() + Math.max(0, ms);
    await this.#clock.sleep(awakeAt(this.#pauses, due) - this.#clock.now(), signal);
  }

  deadline(ms: number, parent: AbortSignal): Deadline {
    return deadlineOn(this, ms, parent);
  }
}
