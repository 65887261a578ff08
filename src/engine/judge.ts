/** Keeps the rule's state of each target and judges every observation of it, wherever it was made, in order of arrival. */

import type { Observation } from '../core/observation.ts';
import type { Peers, Rule, Step } from '../core/rule.ts';
import type { Target, TargetId } from '../core/target.ts';
import { decodeStep } from './plugin-answers.ts';

/** The targets of the same check and service, counted. */
interface Group {
  judged: number;
  serving: number;
}

interface Case {
  readonly rule: Rule;
  readonly group: Group;
  state: unknown;
  /** Passed at its last counted look; undefined before the first. */
  serving: boolean | undefined;
}

export class Judge {
  readonly #cases = new Map<TargetId, Case>();
  readonly #groups = new Map<string, Group>();
  readonly #members = new Map<string, number>();

  /** Takes a target on; one that is known keeps its state. Throws what the rule throws, and then knows nothing of it. */
  open(target: Target, rule: Rule, now: number): void {
    if (this.#cases.has(target.id)) return;
    const { seed } = target;
    const saved = seed.saved === undefined ? undefined : rule.restore?.(seed.saved, now);
    const state = saved ?? rule.initial(seed);
    const key = groupKey(target);
    const group = this.#groups.get(key) ?? { judged: 0, serving: 0 };
    this.#groups.set(key, group);
    this.#members.set(key, (this.#members.get(key) ?? 0) + 1);
    this.#cases.set(target.id, { rule, group, state, serving: undefined });
  }

  close(target: Target): void {
    const found = this.#cases.get(target.id);
    if (found === undefined) return;
    this.#count(found, undefined);
    this.#cases.delete(target.id);
    const key = groupKey(target);
    const left = (this.#members.get(key) ?? 1) - 1;
    this.#members.set(key, left);
    if (left > 0) return;
    this.#members.delete(key);
    this.#groups.delete(key);
  }

  /**
   * The health before and the step after the observation; undefined for an unknown target. Throws what the rule
   * throws, and where it answers with no step.
   */
  hear(
    observation: Observation,
    now: number,
  ): { readonly before: Step<unknown>['verdict']['health']; readonly step: Step<unknown> } | undefined {
    const found = this.#cases.get(observation.target);
    if (found === undefined) return undefined;
    const before = found.rule.verdict(found.state).health;
    const env = { now, backgroundLoss: 0, peers: peersOf(found) };
    const step = decodeStep(found.rule.step(found.state, observation, env));
    if (step === undefined) throw new TypeError('answered with no step');
    found.state = step.state;
    const { kind } = observation.outcome;
    if (kind !== 'skip') this.#count(found, kind === 'pass');
    return { before, step };
  }

  #count(one: Case, serving: boolean | undefined): void {
    if (one.serving !== undefined) one.group.judged--;
    if (one.serving === true) one.group.serving--;
    one.serving = serving;
    if (serving !== undefined) one.group.judged++;
    if (serving === true) one.group.serving++;
  }
}

/** The others of its group. */
function peersOf({ group, serving }: Case): Peers {
  return {
    total: group.judged - (serving === undefined ? 0 : 1),
    serving: group.serving - (serving === true ? 1 : 0),
  };
}

function groupKey({ check, instance }: Target): string {
  return JSON.stringify([check, instance.registry, instance.namespace, instance.service]);
}
