/** When this process could not run, for the last two minutes. */

type StallCause = 'event loop' | 'garbage collection' | 'CPU throttling';

/** Times by `Clock.now()`. */
export interface Stall {
  readonly from: number;
  readonly to: number;
  /** Milliseconds lost between `from` and `to`; for CPU throttling less than the whole. */
  readonly lost: number;
  readonly cause: StallCause;
}

/** What was lost within an interval: milliseconds. */
export interface Loss {
  readonly longest: number;
  /** Of the longest. */
  readonly cause: StallCause;
  /** Of all stalls of that cause: the same time may be known by several causes. */
  readonly sum: number;
}

const KEEP = 120_000;
/** Nobody misses less. */
const LEAST = 25;

export class Stalls {
  #kept: Stall[] = [];

  /** The newest that was noted. */
  get last(): Stall | undefined {
    return this.#kept.at(-1);
  }

  note(stall: Stall): void {
    if (stall.lost < LEAST) return;
    this.#kept = [...this.#kept.filter(({ to }) => to > stall.to - KEEP), stall];
  }

  /** `pending` is what goes on now and was not noted yet. */
  within(from: number, to: number, pending?: Stall): Loss | undefined {
    const sums = new Map<StallCause, number>();
    let longest = 0;
    let cause: StallCause | undefined;
    for (const stall of pending === undefined ? this.#kept : [...this.#kept, pending]) {
      const overlap = Math.min(stall.to, to) - Math.max(stall.from, from);
      const lost = Math.min(stall.lost, overlap);
      if (lost <= 0) continue;
      sums.set(stall.cause, (sums.get(stall.cause) ?? 0) + lost);
      if (lost <= longest) continue;
      longest = lost;
      cause = stall.cause;
    }
    return cause === undefined ? undefined : { longest, cause, sum: sums.get(cause) ?? longest };
  }
}
