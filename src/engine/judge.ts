/** Keeps the rule's state of each target and judges every observation of it, wherever it was made, in order of arrival. */

import type { Observation } from '../core/observation.ts';
import type { Env, Rule, Step, Verdict } from '../core/rule.ts';
import type { Target, TargetId } from '../core/target.ts';
import { BackgroundLoss } from './background-loss.ts';
import { Group } from './peers.ts';
import { decodeStep } from './plugin-answers.ts';

/**
 * Looks in a row that loss by chance takes: at 30 % more than six are one row in 1400. A longer row is an outage of one target,
 * and says nothing of the others: where they are few it would pass for loss that all of them suffer.
 */
const MOST_LOST = 6;

interface Case {
  readonly rule: Rule;
  readonly group: Group;
  state: unknown;
  shadow: { readonly rule: Rule; state: unknown } | undefined;
  /** Looks in a row that missed it and have not healed yet. */
  missed: number;
}

export interface Heard {
  readonly before: Verdict['health'];
  readonly step: Step<unknown>;
  /** What the shadow rule makes of the same observations; absent where there is none. */
  readonly shadow?: { readonly verdict: Verdict; readonly state: unknown };
  /** The shadow rule threw this, and is not asked any more. */
  readonly shadowThrew?: unknown;
}

export class Judge {
  readonly #cases = new Map<TargetId, Case>();
  readonly #groups = new Map<string, Group>();
  readonly #members = new Map<string, number>();
  /** By vantage: each has its own network. */
  readonly #loss = new Map<string, BackgroundLoss>();
  #votes: readonly string[] | undefined;

  /** The vantages that must all have missed a target before it is dead; none: whoever looked. */
  set votes(vantages: readonly string[]) {
    this.#votes = vantages.length === 0 ? undefined : vantages;
  }

  /** Takes a target on; one that is known keeps its state. Throws what the rules throw, and then knows nothing of it. */
  open(target: Target, rule: Rule, now: number, shadow?: Rule): void {
    if (this.#cases.has(target.id)) return;
    const { seed } = target;
    const state = stateFrom(rule, target, seed.saved, now);
    const beside =
      shadow === undefined
        ? undefined
        : { rule: shadow, state: stateFrom(shadow, target, seed.savedShadow, now) };
    const key = groupKey(target);
    const group = this.#groups.get(key) ?? new Group();
    this.#groups.set(key, group);
    this.#members.set(key, (this.#members.get(key) ?? 0) + 1);
    this.#cases.set(target.id, { rule, group, state, shadow: beside, missed: 0 });
  }

  close(target: Target): void {
    const found = this.#cases.get(target.id);
    if (found === undefined) return;
    found.group.left(target.id);
    this.#cases.delete(target.id);
    const key = groupKey(target);
    const left = (this.#members.get(key) ?? 1) - 1;
    this.#members.set(key, left);
    if (left > 0) return;
    this.#members.delete(key);
    this.#groups.delete(key);
  }

  /** Share of looks from there that miss targets that are alive. */
  lossFrom(vantage: string, now: number): number {
    return this.#lossAt(vantage).at(now);
  }

  /** The state of the target's rule, for explanations; undefined for an unknown target. */
  stateOf(id: TargetId): unknown {
    return this.#cases.get(id)?.state;
  }

  /**
   * The health before and the step after the observation; undefined for an unknown target. Throws what the rule throws, and
   * where it answers with no step.
   */
  hear(observation: Observation, now: number): Heard | undefined {
    const { target, vantage } = observation;
    const found = this.#cases.get(target);
    if (found === undefined) return undefined;
    const before = found.rule.verdict(found.state).health;
    const loss = this.#lossAt(vantage);
    const doubted = observation.credible === false && observation.outcome.kind === 'fail';
    const env: Env = {
      now,
      backgroundLoss: loss.at(now),
      peers: found.group.peersOf(target, now),
      ...(doubted ? { credible: false } : {}),
      ...(this.#votes === undefined ? {} : { votes: this.#votes }),
    };
    const step = stepOf(found.rule, found.state, shown(observation, found.rule, doubted), env);
    found.state = step.state;
    const { health } = step.verdict;
    // What is no evidence against the target is none about its peers or the network either.
    if (!doubted) this.#learn(found, observation, health === 'dead' || before === 'dead', loss, now);
    if (health === 'sub-healthy' && before !== health && before !== 'dead') found.group.turned(target, now);
    const { shadow } = found;
    if (shadow === undefined) return { before, step };
    try {
      const other = stepOf(shadow.rule, shadow.state, shown(observation, shadow.rule, doubted), env);
      shadow.state = other.state;
      return { before, step, shadow: other };
    } catch (error) {
      // It judges for nobody: the check goes on without it.
      found.shadow = undefined;
      return { before, step, shadowThrew: error };
    }
  }

  /** What was seen teaches the peers, and the loss once it came to a good end. */
  #learn(one: Case, seen: Observation, dead: boolean, loss: BackgroundLoss, now: number): void {
    const { outcome, target, duration } = seen;
    if (outcome.kind === 'skip') return;
    one.group.heard(target, outcome.kind === 'pass', duration, now);
    if (outcome.kind === 'fail' && !outcome.reached) {
      one.missed++;
      return;
    }
    // What was dead for a while was no lost look.
    const missed = Math.min(one.missed, MOST_LOST);
    if (!dead) loss.heard(missed, missed + 1, now);
    one.missed = 0;
  }

  #lossAt(vantage: string): BackgroundLoss {
    const known = this.#loss.get(vantage) ?? new BackgroundLoss();
    this.#loss.set(vantage, known);
    return known;
  }
}

function stateFrom(rule: Rule, { seed }: Target, saved: unknown, now: number): unknown {
  const restored = saved === undefined ? undefined : rule.restore?.(saved, now);
  return restored ?? rule.initial(seed);
}

/** A rule that knows nothing of doubt is shown nothing to doubt. */
function shown(observation: Observation, rule: Rule, doubted: boolean): Observation {
  if (!doubted || rule.countsVotes === true) return observation;
  const detail = 'the prober doubts itself';
  return { ...observation, outcome: { kind: 'skip', cause: 'prober-overload', detail } };
}

function stepOf(rule: Rule, state: unknown, observation: Observation, env: Env): Step<unknown> {
  const step = decodeStep(rule.step(state, observation, env));
  if (step === undefined) throw new TypeError('answered with no step');
  return step;
}

function groupKey({ check, instance }: Target): string {
  return JSON.stringify([check, instance.registry, instance.namespace, instance.service]);
}
