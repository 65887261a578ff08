/**
 * sonde on virtual time: the shipping judge, agenda and budget of extra looks under a scheduler without sockets. One vantage looks
 * as `src/engine/engine.ts` does; of several, each takes its turn on the grid and on the extra looks, and the others confirm at once.
 */

import type { FromEngine } from '../../../src/core/engine.ts';
import type { Observation, Occasion } from '../../../src/core/observation.ts';
import type { Cadence, Rule } from '../../../src/core/rule.ts';
import type { Target, TargetId } from '../../../src/core/target.ts';
import { createAgenda, intervalFor, nextSlot, phaseOf } from '../../../src/engine/agenda.ts';
import { confirmableAt, MOST_EXTRA, noteBegun } from '../../../src/engine/ceiling.ts';
import { budgetOf, ExtraLooks } from '../../../src/engine/extra-looks.ts';
import { Judge } from '../../../src/engine/judge.ts';
import type { LocalHealth } from '../../../src/local-health/local-health.ts';
import type { VirtualClock } from '../world/clock.ts';
import { OUTCOMES, type World } from '../world/world.ts';

export interface Vantage {
  readonly name: string;
  /** When it can run next: `at`, or the end of the pause that `at` falls into. */
  awake(at: number): number;
  readonly local?: LocalHealth;
}

export interface ProberOptions {
  readonly clock: VirtualClock;
  readonly world: World;
  readonly vantages: readonly Vantage[];
  /** Milliseconds, over all vantages. */
  readonly interval: number;
  readonly timeout: number;
  /** Looks beside the schedule, as a share of the scheduled ones. */
  readonly extraShare: number;
  readonly hears: (index: number, from: string, to: string, reason: string, at: number) => void;
  readonly emit?: (message: FromEngine) => void;
  /** Asked where a target is idle and its slot is due: the slot to go on with, later where nothing can happen before. */
  readonly skip?: (index: number, due: number) => number;
}

interface Slot {
  readonly index: number;
  readonly target: Target;
  cadence: Cadence;
  scheduled: boolean;
  extra: number;
  /** The vantage that looked last. */
  turn: number;
  /** When the last extra looks began, at most four. */
  readonly confirmed: number[];
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #slots = new Map<TargetId, Slot>();
  readonly #agenda = createAgenda();
  readonly #judge = new Judge();
  readonly #extras = new ExtraLooks();
  readonly #intervals: { interval: number; edgeInterval: number; deadInterval: number };
  #armedAt = Number.POSITIVE_INFINITY;
  /** Looks that were begun. */
  looks = 0;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { interval } = options;
    this.#intervals = { interval, edgeInterval: interval, deadInterval: interval };
  }

  add(index: number, target: Target, rule: Rule): void {
    const now = this.#options.clock.now();
    this.#judge.open(target, rule, now);
    const slot = { index, target, cadence: 'normal', scheduled: false, extra: 0, turn: 0 } as const;
    this.#slots.set(target.id, { ...slot, confirmed: [] });
    this.#agenda.set(
      target.id,
      nextSlot(now, this.#options.interval, phaseOf(target.id, this.#options.interval)),
    );
    this.#arm();
  }

  remove(target: Target): void {
    this.#slots.delete(target.id);
    this.#agenda.delete(target.id);
    this.#extras.forget(target.id);
    this.#judge.close(target);
  }

  /** The state of the target's rule. */
  stateOf(target: Target): unknown {
    return this.#judge.stateOf(target.id);
  }

  get #budget() {
    const { extraShare, interval } = this.#options;
    return budgetOf(extraShare, (this.#slots.size * 1_000) / interval, this.#slots.size);
  }

  /** Whether anybody looks who trusts himself. */
  get #credible(): boolean {
    return this.#options.vantages.some(({ local }) => local?.quarantined !== true);
  }

  #arm(): void {
    const { clock } = this.#options;
    const scheduled = this.#agenda.peek()?.at ?? Number.POSITIVE_INFINITY;
    const beside = this.#credible ? this.#extras.next(this.#budget, clock.now()) : Number.POSITIVE_INFINITY;
    const next = Math.min(scheduled, beside);
    if (next >= this.#armedAt || next === Number.POSITIVE_INFINITY) return;
    this.#armedAt = next;
    clock.at(next, () => {
      if (this.#armedAt === next) this.#wake();
    });
  }

  #wake(): void {
    this.#armedAt = Number.POSITIVE_INFINITY;
    const now = this.#options.clock.now();
    for (let next = this.#agenda.peek(); next !== undefined && next.at <= now; next = this.#agenda.peek())
      this.#due(next.item, next.at);
    for (const id of this.#credible ? this.#extras.take(this.#budget, now) : []) {
      const slot = this.#slots.get(id);
      if (slot === undefined || slot.extra >= MOST_EXTRA) continue;
      this.#look(slot, 'confirmation', (slot.turn + 1) % this.#options.vantages.length);
      if (slot.extra < MOST_EXTRA && typeof slot.cadence === 'object')
        this.#extras.want(id, slot.cadence.within, now, confirmableAt(slot.confirmed, now));
    }
    this.#arm();
  }

  #due(id: TargetId, due: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) {
      this.#agenda.delete(id);
      return;
    }
    const { clock, vantages, interval, skip } = this.#options;
    if (skip !== undefined && slot.cadence === 'normal' && !slot.scheduled && slot.extra === 0) {
      const later = skip(slot.index, due);
      if (later > due) {
        this.#agenda.set(id, later);
        return;
      }
    }
    const pace = intervalFor(this.#intervals, slot.cadence);
    this.#agenda.set(id, nextSlot(clock.now(), pace, phaseOf(id, pace)));
    if (slot.scheduled) return;
    slot.scheduled = true;
    this.#look(slot, 'scheduled', Math.floor(due / interval) % vantages.length);
  }

  #look(slot: Slot, occasion: Occasion, turn: number): void {
    const { clock, vantages } = this.#options;
    const vantage = vantages[turn];
    if (vantage === undefined) return;
    slot.turn = turn;
    if (occasion !== 'scheduled') {
      slot.extra++;
      noteBegun(slot.confirmed, clock.now());
    }
    const began = vantage.awake(clock.now());
    if (occasion === 'scheduled') vantage.local?.late(began - clock.now());
    if (began <= clock.now()) this.#begin(slot, occasion, turn, vantage);
    else clock.at(began, () => this.#begin(slot, occasion, turn, vantage));
  }

  #begin(slot: Slot, occasion: Occasion, turn: number, vantage: Vantage): void {
    const { clock, world, timeout } = this.#options;
    const began = clock.now();
    this.looks++;
    const allowed = timeout * (vantage.local?.timeoutFactor ?? 1);
    const { kind, duration } = world.look(slot.index, turn, began, allowed);
    clock.at(vantage.awake(began + duration), () => {
      if (occasion === 'scheduled') slot.scheduled = false;
      else slot.extra--;
      if (this.#slots.get(slot.target.id) !== slot) return;
      const at = clock.now();
      const { local } = vantage;
      const outcome = local?.taint(OUTCOMES[kind], began, at, allowed) ?? OUTCOMES[kind];
      const spent = Math.max(0, at - began - (local?.lost(began, at) ?? 0));
      const doubted = local?.quarantined === true ? { credible: false } : {};
      const seen = { target: slot.target.id, at, duration: spent, vantage: vantage.name, occasion, outcome };
      this.#hear(slot, { ...seen, ...doubted }, turn);
    });
  }

  #hear(slot: Slot, observation: Observation, turn: number): void {
    const { vantages, emit, hears, clock } = this.#options;
    const now = clock.now();
    this.#judge.votes = vantages.length > 1 ? this.#votes() : [];
    const heard = this.#judge.hear(observation, now);
    for (const { local } of vantages) local?.heard(observation);
    if (heard === undefined) return;
    const { before, step } = heard;
    const { health, reason, numbers } = step.verdict;
    emit?.({ kind: 'observed', observation, verdict: step.verdict, state: step.state });
    if (health !== before) {
      hears(slot.index, before, health, reason, now);
      emit?.({
        kind: 'transition',
        transition: { target: observation.target, from: before, to: health, reason, numbers, at: now },
      });
    }
    this.#follow(slot, step.cadence, now);
    if (step.confirmations > 0 && observation.occasion !== 'confirmation')
      this.#confirm(slot, turn, step.confirmations);
  }

  /** Who is blind or starved need not have voted: he says so himself. */
  #votes(): readonly string[] {
    return this.#options.vantages.filter(({ local }) => !isExcused(local)).map(({ name }) => name);
  }

  /** Asks the vantages after the one that missed it; then it is that one's turn, or the next's that was not asked. */
  #confirm(slot: Slot, first: number, looks: number): void {
    const now = this.#options.clock.now();
    const { length } = this.#options.vantages;
    for (let next = 1; next <= Math.min(looks, length - 1); next++) {
      if (
        !this.#credible ||
        confirmableAt(slot.confirmed, now) > now ||
        !this.#extras.spend(this.#budget, now)
      )
        break;
      this.#look(slot, 'confirmation', (first + next) % length);
    }
  }

  #follow(slot: Slot, cadence: Cadence, now: number): void {
    const { id } = slot.target;
    const before = intervalFor(this.#intervals, slot.cadence);
    const after = intervalFor(this.#intervals, cadence);
    slot.cadence = cadence;
    if (typeof cadence === 'object')
      this.#extras.want(id, cadence.within, now, confirmableAt(slot.confirmed, now));
    else this.#extras.forget(id);
    if (before !== after) this.#agenda.set(id, nextSlot(now + after / 2, after, phaseOf(id, after)));
    this.#arm();
  }
}

function isExcused(local: LocalHealth | undefined): boolean {
  if (local === undefined) return false;
  return (
    local.blind || (local.quarantined && local.reasons.some((reason) => reason.startsWith('event loop')))
  );
}
