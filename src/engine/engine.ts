/** The data plane: looks at its targets when they are due and judges what is seen. Speaks core/engine.ts, inline or in a thread. */

import type { Check } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { Engine, EngineLimits, FromEngine, ToEngine } from '../core/engine.ts';
import type { Log } from '../core/log.ts';
import type { Observation, Occasion } from '../core/observation.ts';
import type { Probe } from '../core/probe.ts';
import type { Cadence, Rule } from '../core/rule.ts';
import { NO_DOUBT, type SelfDoubt } from '../core/self-doubt.ts';
import type { Target, TargetId } from '../core/target.ts';
import type { BucketLimits } from '../lib/token-bucket.ts';
import { createAgenda, intervalFor, nextSlot, phaseOf, slotsBetween } from './agenda.ts';
import { confirmableAt, MOST_EXTRA, noteBegun } from './ceiling.ts';
import { examine } from './examine.ts';
import { budgetOf, ExtraLooks } from './extra-looks.ts';
import { Judge } from './judge.ts';
import { Limits } from './limits.ts';

/** A check with what it is made of; functions stay on this side of the protocol. */
export interface EngineCheck {
  readonly check: Check;
  readonly probe: Probe;
  readonly rule: Rule;
  /** Judged on the same observations, and never written. */
  readonly shadow?: Rule;
}

export interface EngineDeps {
  readonly checks: (name: string) => EngineCheck | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** The place this engine looks from. */
  readonly vantage: string;
  readonly limits: EngineLimits;
  /** Default: it never doubts. */
  readonly doubt?: SelfDoubt;
  readonly emit: (message: FromEngine) => void;
}

interface Slot {
  target: Target;
  readonly made: EngineCheck;
  cadence: Cadence;
  /** A scheduled look waits or runs. */
  scheduled: boolean;
  /** When the last scheduled look was asked for. */
  lookedAt: number;
  /** Looks beside the schedule that wait or run. */
  extra: number;
  /** When the last confirmations began, oldest first. */
  readonly confirmed: number[];
}

/** Milliseconds between two messages with numbers. */
const NUMBERS_EVERY = 1_000;

export function createEngine(deps: EngineDeps): Engine {
  return new InlineEngine(deps);
}

class InlineEngine implements Engine {
  readonly #deps: EngineDeps;
  readonly #doubt: SelfDoubt;
  readonly #slots = new Map<TargetId, Slot>();
  readonly #agenda = createAgenda();
  readonly #judge = new Judge();
  readonly #limits: Limits;
  readonly #extras = new ExtraLooks();
  /** Share of the scheduled looks. */
  #extraShare: number;
  /** Scheduled looks a second. */
  #baseRate = 0;
  /** By what was made, not by name: a check that is made anew gets another chance. */
  readonly #quarantined = new WeakSet<Check>();
  /** Checks whose shadow rule threw: said once. */
  readonly #shadowless = new WeakSet<Check>();
  readonly #underWay = new Set<Promise<void>>();
  /** Looks are bounded by their deadlines; nothing cuts them short. */
  readonly #looking = new AbortController();
  /** Aborted with what was thrown by code of our own. */
  readonly #bug = new AbortController();
  #running = false;
  #timer: Disposable | undefined;
  #armedAt = Number.POSITIVE_INFINITY;
  #slotsSkipped = 0;
  #lateness: number[] = [];

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#doubt = deps.doubt ?? NO_DOUBT;
    this.#limits = new Limits(deps.limits);
    this.#extraShare = deps.limits.extraLooks;
  }

  tell(message: ToEngine): void {
    switch (message.kind) {
      case 'assign':
        for (const id of message.remove) this.#remove(id);
        for (const target of message.add) this.#add(target);
        this.#arm();
        break;
      case 'observe':
        this.#hear(message.observation);
        break;
      case 'vantages':
        this.#judge.votes = message.votes;
        break;
      case 'limits':
        this.#limits.resize(message.limits);
        this.#extraShare = message.limits.extraLooks;
        break;
      case 'confirm':
        this.#lookBeside(message.target, message.occasion);
        break;
      default:
        message satisfies never;
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#running = true;
    this.#arm();
    const stop = AbortSignal.any([signal, this.#bug.signal]);
    while (!stop.aborted) {
      await this.#deps.clock.sleep(NUMBERS_EVERY, stop).catch(() => undefined);
      this.#emitNumbers();
      // It may trust itself again, and have looks to make up for.
      this.#arm();
    }
    this.#running = false;
    this.#timer?.[Symbol.dispose]();
    this.#armedAt = Number.POSITIVE_INFINITY;
    await Promise.all(this.#underWay);
    this.#bug.signal.throwIfAborted();
  }

  #add(target: Target): void {
    const made = this.#deps.checks(target.check);
    if (made === undefined) throw new Error(`no check ${target.check}`);
    const known = this.#slots.get(target.id);
    if (known?.made === made) {
      known.target = target;
      return;
    }
    // The check was made anew: what its other self was about to see concerns nobody.
    this.#remove(target.id);
    this.#slots.set(target.id, {
      target,
      made,
      cadence: 'normal',
      scheduled: false,
      lookedAt: Number.NEGATIVE_INFINITY,
      extra: 0,
      confirmed: [],
    });
    this.#baseRate += 1_000 / made.check.interval;
    try {
      this.#judge.open(target, made.rule, this.#deps.clock.now(), made.shadow);
    } catch (error) {
      this.#quarantine(made.check, ruleThrew(error));
    }
    if (!this.#quarantined.has(made.check)) this.#plan(target.id, made.check.interval, 0);
  }

  #remove(id: TargetId): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#baseRate -= 1_000 / slot.made.check.interval;
    this.#agenda.delete(id);
    this.#extras.forget(id);
    this.#judge.close(slot.target);
  }

  /** Puts the next slot of the target's grid on the agenda, at least `gap` milliseconds away. */
  #plan(id: TargetId, interval: number, gap: number): number {
    const now = this.#deps.clock.now();
    const due = nextSlot(now + gap, interval, phaseOf(id, interval));
    this.#agenda.set(id, due);
    return due;
  }

  /** A prober that is not well does less beside the schedule. */
  get #budget(): BucketLimits {
    return budgetOf(this.#extraShare / this.#doubt.timeoutFactor, this.#baseRate, this.#slots.size);
  }

  /** What cannot be evidence needs no confirmation: a prober that doubts itself keeps to the schedule. */
  #mayLookBeside(now: number): boolean {
    return this.#doubt.credible && this.#extras.spend(this.#budget, now);
  }

  /** One timer for all. */
  #arm(): void {
    const now = this.#deps.clock.now();
    const scheduled = this.#agenda.peek()?.at ?? Number.POSITIVE_INFINITY;
    const beside = this.#doubt.credible ? this.#extras.next(this.#budget, now) : Number.POSITIVE_INFINITY;
    const next = Math.min(scheduled, beside);
    if (!this.#running || next >= this.#armedAt) return;
    this.#timer?.[Symbol.dispose]();
    this.#armedAt = next;
    this.#timer = this.#deps.clock.after(next - now, () => this.#wake());
  }

  #wake(): void {
    this.#armedAt = Number.POSITIVE_INFINITY;
    const now = this.#deps.clock.now();
    for (let next = this.#agenda.peek(); next !== undefined && next.at <= now; next = this.#agenda.peek()) {
      this.#due(next.item, next.at);
    }
    if (this.#doubt.credible)
      for (const id of this.#extras.take(this.#budget, now)) this.#lookBeside(id, 'confirmation');
    this.#arm();
  }

  #due(id: TargetId, due: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) {
      this.#agenda.delete(id);
      return;
    }
    const now = this.#deps.clock.now();
    const interval = intervalFor(slot.made.check, slot.cadence);
    const next = this.#plan(id, interval, 0);
    this.#slotsSkipped += slotsBetween(due, next, interval);
    // A faster grid than the check's own is made of extra looks, which have a budget; without it the own pace remains.
    const own = slot.made.check.interval;
    if (interval < own && now - slot.lookedAt < own && !this.#mayLookBeside(now)) return;
    // One scheduled look at a time: a slot that comes while one is under way is missed, not made up for.
    if (slot.scheduled) {
      this.#slotsSkipped++;
      return;
    }
    slot.scheduled = true;
    slot.lookedAt = now;
    this.#look(slot, 'scheduled', due, () => {
      slot.scheduled = false;
    });
  }

  #lookBeside(id: TargetId, occasion: 'confirmation' | 'manual'): void {
    const slot = this.#slots.get(id);
    if (slot === undefined || slot.extra >= MOST_EXTRA || !this.#running) return;
    if (this.#quarantined.has(slot.made.check)) return;
    slot.extra++;
    const now = this.#deps.clock.now();
    if (occasion === 'confirmation') noteBegun(slot.confirmed, now);
    this.#look(slot, occasion, now, () => {
      slot.extra--;
    });
    // Under suspicion looks begin at their pace and overlap: what takes long to fail must not slow down what confirms it.
    if (slot.extra < MOST_EXTRA && typeof slot.cadence === 'object')
      this.#extras.want(id, slot.cadence.within, now, confirmableAt(slot.confirmed, now));
  }

  #look(slot: Slot, occasion: Occasion, due: number, done: () => void): void {
    const { clock } = this.#deps;
    const { id, instance } = slot.target;
    const asked = clock.now();
    let turn = asked;
    const work = this.#limits
      .run(
        instance.host,
        async () => {
          if (!this.#running || this.#slots.get(id) !== slot || this.#quarantined.has(slot.made.check))
            return;
          if (occasion === 'scheduled') {
            const now = clock.now();
            this.#lateness.push(Math.max(0, now - due));
            this.#doubt.late(Math.max(0, asked - due) + (now - turn));
          }
          await this.#lookNow(slot, occasion);
        },
        () => {
          turn = clock.now();
        },
      )
      .catch((error: unknown) => this.#bug.abort(error))
      .finally(() => {
        done();
        this.#underWay.delete(work);
      });
    this.#underWay.add(work);
  }

  async #lookNow(slot: Slot, occasion: Occasion): Promise<void> {
    const { clock, vantage } = this.#deps;
    const { made, target } = slot;
    const { id, instance } = target;
    const timeout = made.check.timeout * this.#doubt.timeoutFactor;
    const began = clock.now();
    const look = await examine(made.probe, instance, timeout, clock, this.#looking.signal);
    // What was seen of a target that has gone meanwhile concerns nobody.
    if (this.#slots.get(id) !== slot) return;
    const at = clock.now();
    const outcome = this.#doubt.taint(look.outcome, began, at, timeout);
    const duration = Math.max(0, look.duration - this.#doubt.lost(began, at));
    const doubted = this.#doubt.credible ? {} : { credible: false };
    this.#hear({ target: id, at, duration, vantage, occasion, outcome, ...doubted });
    if (look.broken && outcome.kind === 'skip') this.#quarantine(made.check, outcome.detail);
  }

  #hear(observation: Observation): void {
    const slot = this.#slots.get(observation.target);
    if (slot === undefined) return;
    const { clock, emit } = this.#deps;
    const now = clock.now();
    let heard: ReturnType<Judge['hear']>;
    try {
      heard = this.#judge.hear(observation, now);
    } catch (error) {
      this.#quarantine(slot.made.check, ruleThrew(error));
      return;
    }
    if (heard === undefined) return;
    this.#doubt.heard(observation);
    const { before, step, shadow, shadowThrew } = heard;
    const { health, reason, numbers } = step.verdict;
    const beside = shadow === undefined ? {} : { shadow: { verdict: shadow.verdict, state: shadow.state } };
    emit({ kind: 'observed', observation, verdict: step.verdict, state: step.state, ...beside });
    if (shadowThrew !== undefined) this.#dropShadow(slot.made.check, ruleThrew(shadowThrew));
    if (health !== before) {
      const transition = { target: observation.target, from: before, to: health, reason, numbers, at: now };
      emit({ kind: 'transition', transition });
    }
    this.#follow(slot, step.cadence);
    // A confirmation that asked for more would look at a target that fails now and then without end.
    if (step.confirmations === 0 || observation.occasion === 'confirmation') return;
    emit({ kind: 'please-confirm', target: observation.target, looks: step.confirmations });
    for (let look = 0; look < step.confirmations; look++) {
      if (confirmableAt(slot.confirmed, now) > now || !this.#mayLookBeside(now)) break;
      this.#lookBeside(observation.target, 'confirmation');
    }
  }

  /** Another cadence is another grid; its first slot is at least half an interval away, so that nobody is asked twice at once. */
  #follow(slot: Slot, cadence: Cadence): void {
    const before = intervalFor(slot.made.check, slot.cadence);
    const after = intervalFor(slot.made.check, cadence);
    slot.cadence = cadence;
    this.#suspect(slot, cadence);
    if (before === after || !this.#agenda.has(slot.target.id)) return;
    this.#plan(slot.target.id, after, after / 2);
    this.#arm();
  }

  /** Another look within that time, unless a scheduled one comes first; the look decides what is wanted next. */
  #suspect(slot: Slot, cadence: Cadence): void {
    const { id } = slot.target;
    if (typeof cadence !== 'object') {
      this.#extras.forget(id);
      return;
    }
    const now = this.#deps.clock.now();
    this.#extras.want(id, cadence.within, now, confirmableAt(slot.confirmed, now));
    this.#arm();
  }

  #dropShadow(check: Check, detail: string): void {
    if (this.#shadowless.has(check)) return;
    this.#shadowless.add(check);
    const fields = { check: check.name, error: detail };
    this.#deps.log.error('The shadow rule of a check broke its contract and is not asked any more', fields);
  }

  /** What a plugin breaks stops with its check, never with the process. */
  #quarantine(check: Check, detail: string): void {
    if (this.#quarantined.has(check)) return;
    this.#quarantined.add(check);
    for (const [id, slot] of this.#slots) {
      if (slot.made.check !== check) continue;
      this.#agenda.delete(id);
      this.#extras.forget(id);
    }
    const fields = { check: check.name, error: detail };
    this.#deps.log.error('A check broke its contract and is not run any more', fields);
  }

  #emitNumbers(): void {
    const numbers = {
      targets: this.#slots.size,
      inFlight: this.#limits.inFlight,
      slotsSkipped: this.#slotsSkipped,
      extraLooks: this.#extras.taken,
      extraLooksWaiting: this.#extras.waiting,
      backgroundLoss: this.#judge.lossFrom(this.#deps.vantage, this.#deps.clock.now()),
      lateness: this.#lateness,
    };
    this.#lateness = [];
    this.#deps.emit({ kind: 'numbers', numbers });
  }
}

function ruleThrew(error: unknown): string {
  return `its rule threw: ${error instanceof Error ? error.message : String(error)}`;
}
