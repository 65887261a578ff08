/** Watches this process: how late its event loop is, and when it could not run. */

import type { Clock } from '../core/clock.ts';
import type { Sources } from './sources.ts';
import { type Loss, type Stall, Stalls } from './stalls.ts';

/** Shorter pauses for garbage collection are part of life. */
const LONG_COLLECTION = 20;
/** Milliseconds: one stall so long counts, where shorter ones must come more than once a second to show. */
const LONG_STALL = 500;

export class Vitals {
  readonly #clock: Clock;
  readonly #sources: Sources;
  readonly #stalls = new Stalls();
  #due = Number.POSITIVE_INFINITY;
  #beat: Disposable | undefined;
  #worst = 0;
  #lookedAt = 0;
  #throttled: number | undefined;

  constructor(clock: Clock, sources: Sources) {
    this.#clock = clock;
    this.#sources = sources;
  }

  get lastStall(): Stall | undefined {
    return this.#stalls.last;
  }

  /** Watches until the scope is disposed. */
  watch(scope: DisposableStack): void {
    this.#lookedAt = this.#clock.now();
    this.#throttled = this.#sources.throttled();
    this.#sources.delay();
    scope.use(
      this.#sources.onCollection((from, to) => {
        if (to - from >= LONG_COLLECTION)
          this.#stalls.note({ from, to, lost: to - from, cause: 'garbage collection' });
      }),
    );
    const { beat } = this.#sources;
    if (beat !== undefined) this.#next(beat);
    scope.defer(() => {
      this.#beat?.[Symbol.dispose]();
      this.#due = Number.POSITIVE_INFINITY;
    });
  }

  /** What was lost between the two points of time, with what goes on at this moment. */
  lost(from: number, to: number): Loss | undefined {
    const now = this.#clock.now();
    const pending =
      now > this.#due
        ? ({ from: this.#due, to: now, lost: now - this.#due, cause: 'event loop' } as const)
        : undefined;
    return this.#stalls.within(from, to, pending);
  }

  /** Milliseconds of event-loop lag since this was last asked: 99th percentile, or one long stall. */
  lag(): number {
    this.#noteThrottling();
    const worst = this.#worst;
    this.#worst = 0;
    return Math.max(this.#sources.delay(), worst > LONG_STALL ? worst : 0);
  }

  /**
   * What this thread was denied shows as late beats. The counter adds up all threads and scripts of the cgroup: only where it
   * is most of the time is it held to be true of this thread as well.
   */
  #noteThrottling(): void {
    const [from, to] = [this.#lookedAt, this.#clock.now()];
    const total = this.#sources.throttled();
    const lost = Math.min((total ?? 0) - (this.#throttled ?? total ?? 0), to - from);
    if (lost > (to - from) / 2) this.#stalls.note({ from, to, lost, cause: 'CPU throttling' });
    this.#throttled = total;
    this.#lookedAt = to;
  }

  /** SIGSTOP, a busy loop, a throttled container: whatever keeps us from running makes a beat late. */
  #next(beat: number): void {
    this.#due = this.#clock.now() + beat;
    this.#beat = this.#clock.after(beat, () => {
      const now = this.#clock.now();
      const lost = now - this.#due;
      this.#worst = Math.max(this.#worst, lost);
      this.#stalls.note({ from: this.#due, to: now, lost, cause: 'event loop' });
      this.#next(beat);
    });
  }
}
