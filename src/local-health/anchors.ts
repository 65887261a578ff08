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

interface Anchor {
  /** What the last look found; undefined before the first. */
  reached: boolean | undefined;
  readonly gone: AbortController;
}

export class Anchors {
  readonly #anchors = new Map<string, Anchor>();
  readonly #look: AnchorLook;
  readonly #clock: Clock;
  readonly #vitals: Vitals;
  readonly #changed: () => void;
  /** While it runs. */
  #running: AbortSignal | undefined;
  readonly #following = new Set<Promise<void>>();

  constructor(
    anchors: readonly string[],
    deps: {
      readonly look: AnchorLook;
      readonly clock: Clock;
      readonly vitals: Vitals;
      readonly changed: () => void;
    },
  ) {
    this.#look = deps.look;
    this.#clock = deps.clock;
    this.#vitals = deps.vitals;
    this.#changed = deps.changed;
    this.adopt(anchors);
  }

  get size(): number {
    return this.#anchors.size;
  }

  get failed(): number {
    return [...this.#anchors.values()].filter(({ reached }) => reached === false).length;
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
    return [...this.#anchors].map(([anchor, { reached }]) => ({ anchor, reached: reached ?? null }));
  }

  /** Others from now on; what is known of those that stay is kept. */
  adopt(anchors: readonly string[]): void {
    const before = this.failed;
    for (const [anchor, { gone }] of this.#anchors) {
      if (anchors.includes(anchor)) continue;
      this.#anchors.delete(anchor);
      gone.abort(new Error('it is no anchor any more'));
    }
    for (const anchor of anchors) {
      if (this.#anchors.has(anchor)) continue;
      const added: Anchor = { reached: undefined, gone: new AbortController() };
      this.#anchors.set(anchor, added);
      if (this.#running !== undefined) this.#follow(anchor, added, this.#running);
    }
    if (before !== this.failed) this.#changed();
  }

  /** Looks until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#running = signal;
    for (const [anchor, one] of this.#anchors) this.#follow(anchor, one, signal);
    while (!signal.aborted) await this.#clock.sleep(60 * EVERY, signal).catch(() => undefined);
    this.#running = undefined;
    await Promise.all(this.#following);
  }

  #follow(anchor: string, one: Anchor, running: AbortSignal): void {
    const work = this.#lookUntil(anchor, one, AbortSignal.any([running, one.gone.signal])).finally(() =>
      this.#following.delete(work),
    );
    this.#following.add(work);
  }

  async #lookUntil(anchor: string, one: Anchor, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const started = this.#clock.now();
      const reached = await this.#lookOnce(anchor, started, signal);
      if (reached !== undefined && reached !== one.reached) {
        one.reached = reached;
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
