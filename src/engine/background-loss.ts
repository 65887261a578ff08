/**
 * Background loss: the share of looks that miss targets that are alive. Only failures that healed count, so that an outage
 * of many targets does not pass for loss (detection.md 2.5).
 */

/** What is believed before anything was seen: 10 of 1000. */
const PRIOR = { missed: 10, looks: 1_000 };
/** What both sums keep of themselves each second: a time constant of 10 s. */
const KEPT = 0.9;
/** Below so many looks the prior fills up. */
const LEAST = 50;

export class BackgroundLoss {
  #missed = PRIOR.missed;
  #looks = PRIOR.looks;
  /** The second up to which the sums have faded. */
  #second: number | undefined;

  /** Looks at one target that came to a good end, of which so many missed it before. */
  heard(missed: number, looks: number, now: number): void {
    this.#fade(now);
    this.#missed += missed;
    this.#looks += looks;
  }

  /** Share of looks, 0 to 1. Example: 200 missed of 2 000 in the last seconds make 0.1. */
  at(now: number): number {
    this.#fade(now);
    return this.#missed / this.#looks;
  }

  #fade(now: number): void {
    const second = Math.floor(now / 1_000);
    const passed = second - (this.#second ?? second);
    this.#second = Math.max(second, this.#second ?? second);
    if (passed <= 0) return;
    this.#missed *= KEPT ** passed;
    this.#looks *= KEPT ** passed;
    if (this.#looks >= LEAST) return;
    this.#missed += ((LEAST - this.#looks) * PRIOR.missed) / PRIOR.looks;
    this.#looks = LEAST;
  }
}
