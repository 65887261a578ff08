/** Time as sonde sees it. Nothing outside app/system-clock.ts touches the system's timers or clocks. */

/** A signal that aborts when its time is over or its parent aborts; disposing it cancels the timer. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** True once the time was over (and not when the parent aborted first). */
  readonly expired: boolean;
}

export interface Clock {
  /**
   * Milliseconds since the Unix epoch as the system clock stood when the process started, advanced by the
   * monotonic clock: never jumps, and comparable (within clock error) with values of an earlier process.
   */
  now(): number;
  /** Milliseconds since the Unix epoch by the system clock: for people, marks and events, never for intervals. */
  wall(): number;
  /** Resolves after `ms`; rejects with `signal.reason` when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * A signal that aborts after `ms`, or with `parent`. It aborts one event-loop turn after the timer fired, because
   * after a stall Node runs timers before it reads sockets that became ready meanwhile.
   */
  deadline(ms: number, parent: AbortSignal): Deadline;
  /** Calls `run` once after `ms` unless disposed before. */
  after(ms: number, run: () => void): Disposable;
}
