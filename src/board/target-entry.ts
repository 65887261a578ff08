/** What the board remembers of one target. */

import type { Reason } from '../core/cause.ts';
import type { Health } from '../core/health.ts';
import type { Observation } from '../core/observation.ts';
import type { Numbers, Verdict } from '../core/rule.ts';
import type { Target } from '../core/target.ts';
import { Ring } from '../lib/ring.ts';
import type { CheckTally } from './check-tally.ts';

/** One look, for people. */
export interface Look {
  /** `Clock.now()`. */
  readonly at: number;
  readonly outcome: 'pass' | 'fail' | 'skip';
  readonly cause: string | null;
  /** Milliseconds. */
  readonly duration: number;
  readonly detail: string | null;
}

/** Latency is that of so many recent passes. */
const PASSES = 60;
/** Failures are kept apart, so that passes never push them out. */
const FAILURES = 8;
/** A script may say 4096 bytes; ten thousand of them are not kept. */
const DETAIL = 512;

export class TargetEntry {
  readonly check: string;
  readonly kind: string;
  readonly tally: CheckTally;
  health: Health;
  reason: Reason;
  /** `Clock.now()` since when the health holds. */
  since: number;
  numbers: Numbers | null = null;
  /** What the shadow rule says. */
  shadow: Verdict | null = null;
  last: Look | null = null;
  /** The last look that was no skip. */
  counted: Look | null = null;
  readonly #latencies = new Ring<number>(PASSES);
  #failures: Ring<Look> | undefined;

  constructor(target: Target, kind: string, since: number, tally: CheckTally) {
    this.check = target.check;
    this.kind = kind;
    this.tally = tally;
    this.health = target.seed.health;
    this.reason = target.seed.reason;
    this.since = since;
    tally.targets++;
  }

  observe(observation: Observation, verdict: Verdict, shadow?: Verdict): void {
    this.shadow = shadow ?? null;
    const look = toLook(observation);
    if (this.last === null) this.tally.looked++;
    this.last = look;
    if (look.outcome !== 'skip') this.counted = look;
    if (look.outcome === 'pass') this.#latencies.push(look.duration);
    if (look.outcome === 'fail') {
      this.#failures ??= new Ring(FAILURES);
      this.#failures.push(look);
    }
    this.tally.passed += verdict.numbers.passed - (this.numbers?.passed ?? 0);
    this.tally.total += verdict.numbers.total - (this.numbers?.total ?? 0);
    this.numbers = verdict.numbers;
    if (verdict.health !== this.health) this.since = observation.at;
    this.health = verdict.health;
    this.reason = verdict.reason;
  }

  /** Milliseconds of the recent passes. */
  get latencies(): readonly number[] {
    return this.#latencies.toArray();
  }

  /** Oldest first. */
  get failures(): readonly Look[] {
    return this.#failures?.toArray() ?? [];
  }

  /** Takes itself out of the sums of its service. */
  leave(): void {
    this.tally.targets--;
    if (this.last !== null) this.tally.looked--;
    this.tally.passed -= this.numbers?.passed ?? 0;
    this.tally.total -= this.numbers?.total ?? 0;
  }
}

function toLook({ at, duration, outcome }: Observation): Look {
  return {
    at,
    outcome: outcome.kind,
    cause: outcome.kind === 'pass' ? null : outcome.cause,
    duration,
    detail: outcome.detail === undefined ? null : clip(outcome.detail),
  };
}

/** Copied, because a slice would keep the whole text alive. */
function clip(text: string): string {
  if (text.length <= DETAIL) return text;
  return `${Buffer.from(text.slice(0, DETAIL - 1)).toString()}…`;
}
