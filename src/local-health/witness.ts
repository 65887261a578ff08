/** What the looks of the last seconds say about the prober itself rather than about their targets. */

import type { Observation } from '../core/observation.ts';
import type { TargetId } from '../core/target.ts';

/** Milliseconds within which a pass seen from elsewhere contradicts a failure seen from here. */
const CONTRADICTION = 5_000;
/** Milliseconds without anybody reached, and targets lost since, from which on the fault is more likely ours. */
const SILENCE = 2_000;
const MANY = 3;
const MOST = 0.6;
/** After the last loss the targets are believed to be dead. */
const PATIENCE = 30_000;
/** A target that was not looked at for so long is forgotten. */
const FORGET = 120_000;
const SWEEP = 10_000;

export interface Tally {
  readonly looks: number;
  readonly limited: number;
  readonly cutOff: number;
  readonly contradicted: number;
}

const NOTHING: Tally = { looks: 0, limited: 0, cutOff: 0, contradicted: 0 };

interface Known {
  /** When it was last looked at. */
  readonly at: number;
  /** At its last counted look. */
  readonly reached: boolean;
  /** Another vantage may still contradict. */
  readonly failed: boolean;
}

export class Witness {
  readonly #vantage: string;
  readonly #known = new Map<TargetId, Known>();
  /** Targets reached at their last look. */
  #reachable = 0;
  /** Targets lost since anybody was last reached. */
  readonly #lost = new Set<TargetId>();
  #lastLoss = 0;
  #lastReach: number | undefined;
  #lastPass: number | undefined;
  #tally = NOTHING;
  #sweepAt = 0;

  constructor(vantage: string) {
    this.#vantage = vantage;
  }

  /** `Clock.now()` of the last pass of any target seen from here. */
  get lastPass(): number | undefined {
    return this.#lastPass;
  }

  hear(observation: Observation): void {
    if (observation.occasion === 'external') return;
    if (observation.vantage === this.#vantage) this.#own(observation);
    else this.#foreign(observation);
  }

  #own({ target, at, outcome }: Observation): void {
    const { looks, limited, cutOff } = this.#tally;
    this.#tally = { ...this.#tally, looks: looks + 1 };
    if (outcome.kind === 'skip') {
      if (outcome.cause === 'prober-limit') this.#tally = { ...this.#tally, limited: limited + 1 };
      if (outcome.cause === 'prober-network' || outcome.cause === 'dns-no-answer')
        this.#tally = { ...this.#tally, cutOff: cutOff + 1 };
      return;
    }
    const passed = outcome.kind === 'pass';
    const reached = passed || outcome.reached;
    const before = this.#known.get(target)?.reached === true;
    if (reached !== before) this.#reachable += reached ? 1 : -1;
    if (reached) {
      this.#lastReach = at;
      if (this.#lost.size > 0) this.#lost.clear();
    } else if (before) {
      this.#lost.add(target);
      this.#lastLoss = at;
    }
    if (passed) this.#lastPass = at;
    this.#known.set(target, { at, reached, failed: !passed });
  }

  #foreign({ target, at, outcome }: Observation): void {
    const known = this.#known.get(target);
    if (outcome.kind !== 'pass' || known?.failed !== true) return;
    this.#known.set(target, { ...known, failed: false });
    if (at - known.at <= CONTRADICTION)
      this.#tally = { ...this.#tally, contradicted: this.#tally.contradicted + 1 };
  }

  /** What was counted since this was last asked. */
  take(now: number): Tally {
    const tally = this.#tally;
    this.#tally = NOTHING;
    if (now >= this.#sweepAt) this.#forgetOld(now);
    return tally;
  }

  /**
   * Nobody was reached for 2 s, and at least 3 targets, 60 % of those that were reachable, were lost since: everything at once
   * is more likely us. Ends with the first target that is reached, and 30 s after the last loss.
   */
  suspectsSelf(now: number): boolean {
    if (this.#lastReach === undefined || now - this.#lastReach < SILENCE) return false;
    const lost = this.#lost.size;
    return lost >= MANY && lost >= MOST * (lost + this.#reachable) && now - this.#lastLoss <= PATIENCE;
  }

  #forgetOld(now: number): void {
    this.#sweepAt = now + SWEEP;
    for (const [id, { at, reached }] of this.#known) {
      if (now - at <= FORGET) continue;
      this.#known.delete(id);
      this.#lost.delete(id);
      if (reached) this.#reachable--;
    }
  }
}
