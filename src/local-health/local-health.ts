/** The prober's doubt of itself: what its failures are worth, and why. */

import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Observation } from '../core/observation.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Reporter } from '../core/report.ts';
import type { SelfDoubt } from '../core/self-doubt.ts';
import type { LocalHealthView } from '../core/view.ts';
import { isoTime } from '../lib/iso-time.ts';
import { type AnchorLook, Anchors } from './anchors.ts';
import {
  HAND_OVER_AT,
  nextScore,
  QUARANTINE,
  QUARANTINE_AT,
  type Score,
  timeoutFactor,
  WELL,
} from './score.ts';
import { type Sources, systemSources } from './sources.ts';
import { tainted } from './taint.ts';
import { Vitals } from './vitals.ts';
import { Witness } from './witness.ts';

export interface LocalHealthDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** The place this prober looks from, as its observations say it. */
  readonly vantage: string;
  /** URLs or host:port; none switches anchors off. */
  readonly anchors: readonly string[];
  /** Looks at an anchor. Its signal aborts after 1 s. */
  readonly look: AnchorLook;
  readonly report?: Reporter;
  /** What the system tells; for tests. */
  readonly sources?: Sources;
}

export interface LocalHealth extends SelfDoubt, Disposable {
  /** 0 (well) to 8. */
  readonly score: number;
  readonly reasons: readonly string[];
  /** Failures seen from here are no evidence now: quarantined by the score, most anchors not reached, or blind. */
  readonly quarantined: boolean;
  /** No anchor is reached, and no target passed for 2 s. */
  readonly blind: boolean;
  /** Everything was lost at once. */
  readonly suspectsSelf: boolean;
  /** Why nothing that goes down may be believed now; undefined while it may. */
  readonly doubt: string | undefined;
  /** Other anchors from now on; what is known of those that stay is kept. */
  adopt(anchors: readonly string[]): void;
  /** Whether a registry answers. */
  registry(name: string, up: boolean): void;
  view(): LocalHealthView;
  /** Watches until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createLocalHealth(deps: LocalHealthDeps): LocalHealth {
  return new Doubt(deps);
}

const TICK = 1_000;
const LATE = 1_000;
/** Milliseconds without a pass after which a prober that reaches no anchor is blind. */
const BLIND_AFTER = 2_000;

class Doubt implements LocalHealth {
  readonly #deps: LocalHealthDeps;
  readonly #scope = new DisposableStack();
  readonly #vitals: Vitals;
  readonly #anchors: Anchors;
  readonly #witness: Witness;
  readonly #registriesDown = new Set<string>();
  #score: Score = WELL;
  #quarantinedUntil = Number.NEGATIVE_INFINITY;
  #lateLooks = 0;
  #registriesLost = 0;
  #told = false;

  constructor(deps: LocalHealthDeps) {
    const { clock, anchors, look, vantage } = deps;
    this.#deps = deps;
    this.#vitals = new Vitals(clock, deps.sources ?? systemSources(this.#scope));
    this.#witness = new Witness(vantage);
    this.#anchors = new Anchors(anchors, { clock, look, vitals: this.#vitals, changed: () => this.#tell() });
  }

  get score(): number {
    return this.#score.value;
  }

  get reasons(): readonly string[] {
    return this.#score.reasons;
  }

  get quarantined(): boolean {
    // An anchor that fails is doubt at once: the score would take longer to say so than a target takes to be held dead.
    return this.#deps.clock.now() < this.#quarantinedUntil || this.#anchors.mostFailed;
  }

  get blind(): boolean {
    if (!this.#anchors.allFailed) return false;
    const { lastPass } = this.#witness;
    return lastPass === undefined || this.#deps.clock.now() - lastPass >= BLIND_AFTER;
  }

  get credible(): boolean {
    return !this.quarantined;
  }

  get doubt(): string | undefined {
    if (this.quarantined) return this.#why;
    return this.suspectsSelf ? 'nobody is reached any more' : undefined;
  }

  get suspectsSelf(): boolean {
    return this.#witness.suspectsSelf(this.#deps.clock.now());
  }

  get timeoutFactor(): number {
    return timeoutFactor(this.#score.value);
  }

  taint(outcome: Outcome, startedAt: number, endedAt: number, timeout: number): Outcome {
    if (outcome.kind !== 'fail') return outcome;
    return tainted(outcome, endedAt - startedAt, timeout, this.#vitals.lost(startedAt, endedAt));
  }

  lost(from: number, to: number): number {
    return this.#vitals.lost(from, to)?.sum ?? 0;
  }

  heard(observation: Observation): void {
    this.#witness.hear(observation);
  }

  adopt(anchors: readonly string[]): void {
    this.#anchors.adopt(anchors);
  }

  late(ms: number): void {
    if (ms > LATE) this.#lateLooks++;
  }

  registry(name: string, up: boolean): void {
    if (up) this.#registriesDown.delete(name);
    else if (!this.#registriesDown.has(name)) {
      this.#registriesDown.add(name);
      this.#registriesLost++;
    }
  }

  view(): LocalHealthView {
    const stall = this.#vitals.lastStall;
    const until = this.#anchors.mostFailed
      ? Math.max(this.#quarantinedUntil, this.#deps.clock.now())
      : this.#quarantinedUntil;
    return {
      score: this.score,
      reasons: this.reasons,
      quarantinedUntil: this.quarantined ? isoTime(until) : null,
      blind: this.blind,
      suspectsSelf: this.suspectsSelf,
      handOver: this.score >= HAND_OVER_AT,
      timeoutFactor: this.timeoutFactor,
      lastStall:
        stall === undefined
          ? null
          : { at: isoTime(stall.from), lost: Math.round(stall.lost), cause: stall.cause },
      anchors: this.#anchors.view(),
    };
  }

  [Symbol.dispose](): void {
    this.#scope[Symbol.dispose]();
  }

  async run(signal: AbortSignal): Promise<void> {
    using scope = this.#scope;
    this.#vitals.watch(scope);
    await Promise.all([this.#anchors.run(signal), this.#tickUntil(signal)]);
  }

  async #tickUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(TICK, signal).catch(() => undefined);
      this.#tick();
    }
  }

  #tick(): void {
    const now = this.#deps.clock.now();
    this.#score = nextScore(this.#score, {
      ...this.#witness.take(now),
      lag: this.#vitals.lag(),
      lateLooks: this.#lateLooks,
      anchorsFailed: this.#anchors.failed,
      anchors: this.#anchors.size,
      registriesLost: this.#registriesLost,
    });
    this.#lateLooks = 0;
    this.#registriesLost = 0;
    if (this.#score.value >= QUARANTINE_AT) this.#quarantinedUntil = now + QUARANTINE;
    this.#tell();
  }

  get #why(): string {
    return this.reasons.length > 0 ? this.reasons.join(', ') : 'most anchors are not reached';
  }

  /** Says once that failures count for nothing now, and once that they count again. */
  #tell(): void {
    const quarantined = this.quarantined;
    if (quarantined === this.#told) return;
    this.#told = quarantined;
    const { log, report } = this.#deps;
    const fields = { score: this.score, reasons: this.reasons, blind: this.blind };
    if (quarantined) log.warn('The prober doubts itself: failures that it sees do not count', fields);
    else log.info('The prober trusts itself again: failures that it sees count', fields);
    const why = this.#why;
    report?.({
      kind: 'event',
      event: {
        kind: 'guard',
        subject: 'local-health',
        from: quarantined ? 'trusted' : 'quarantined',
        to: quarantined ? 'quarantined' : 'trusted',
        detail: quarantined ? why : `local health ${this.score}`,
      },
    });
  }
}
