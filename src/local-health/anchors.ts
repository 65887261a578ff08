/** Places that must be reachable if anything is: what they say is said of us. */

import type { Clock } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import { mostFailed } from './score.ts';
import { tainted } from './taint.ts';
import type { Vitals } from './vitals.ts';

/** Looks at an anchor (a URL or host:port) with the probes' own code. */
export type AnchorLook = (anchor: string, signal: AbortSignal) => Promise<Outcome>;

/** Milliseconds from look to look, and for each. */
const EVERY = 1_000;

export class Anchors {
  /** What the last look at each found; undefined before the first. */
  readonly #reached: Map<string, boolean | undefined>;
  readonly #look: AnchorLook;
  readonly #clock: Clock;
  readonly #vitals: Vitals;
  readonly #changed: () => void;

  constructor(
    anchors: readonly string[],
    deps: {
      readonly look: AnchorLook;
      readonly clock: Clock;
      readonly vitals: Vitals;
      readonly changed: () => void;
    },
  ) {
    this.#reached = new Map(anchors.map((anchor) => [anchor, undefined]));
    this.#look = deps.look;
    this.#clock = deps.clock;
    this.#vitals = deps.vitals;
    this.#changed = deps.changed;
  }

  get size(): number {
    return this.#reached.size;
  }

  get failed(): number {
    return [...this.#reached.values()].filter((reached) => reached === false).length;
  }

  /** More than half of them. */
  get mostFailed(): boolean {
    return mostFailed(this.failed, this.size);
  }

  /** All of them, and there are any. */
  get allFailed(): boolean {
    return this.size > 0 && this.failed === this.size;
  }

  view(): readonly { readonly anchor: string; readonly reached: boolean | null }[] {
    return [...this.#reached].map(([anchor, reached]) => ({ anchor, reached: reached ?? null }));
  }

  /** Looks until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#reached.keys()].map((anchor) => this.#follow(anchor, signal)));
  }

  async #follow(anchor: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const started = this.#clock.now();
      const reached = await this.#lookOnce(anchor, started, signal);
      if (reached !== undefined && reached !== this.#reached.get(anchor)) {
        this.#reached.set(anchor, reached);
        this.#changed();
      }
      const took = this.#clock.now() - started;
      await this.#clock.sleep(Math.max(0, EVERY - took), signal).catch(() => undefined);
    }
  }

  /** Undefined where nothing can be said of our network. */
  async #lookOnce(anchor: string, started: number, signal: AbortSignal): Promise<boolean | undefined> {
    using deadline = this.#clock.deadline(EVERY, signal);
    const outcome = await this.#look(anchor, deadline.signal);
    if (signal.aborted) return undefined;
    const now = this.#clock.now();
    return reachedBy(tainted(outcome, now - started, EVERY, this.#vitals.lost(started, now)));
  }
}

/** An anchor that answers with an error was reached; what our own network stopped was not. */
function reachedBy(outcome: Outcome): boolean | undefined {
  if (outcome.kind === 'pass') return true;
  if (outcome.kind === 'fail') return outcome.reached;
  return outcome.cause === 'prober-network' || outcome.cause === 'dns-no-answer' ? false : undefined;
}
