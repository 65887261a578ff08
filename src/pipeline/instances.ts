/** The instances that are enrolled: their targets at the engine, their health from the verdicts, and who hears of it. */

import type { Check } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { ReloadChanges } from '../core/control.ts';
import type { Engine, FromEngine } from '../core/engine.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Memory } from '../core/memory.ts';
import type { Observation } from '../core/observation.ts';
import type { Reporter } from '../core/report.ts';
import type { TargetId } from '../core/target.ts';
import type { WriteMode } from '../core/view.ts';
import { aggregate } from './aggregate.ts';
import type { Laid } from './interventions.ts';
import { type Policy, rulingFor } from './policy.ts';
import {
  flagsOf,
  type InstanceRecord,
  lastWritten,
  newRecord,
  type RecordRules,
  retarget,
  type TargetRecord,
} from './record.ts';
import type { RosterChange } from './roster.ts';
import { instanceKey, type SavedInstance, type SavedTarget, targetKey } from './saved.ts';

/** What instances are measured by: may be replaced while they live. */
export interface Measures {
  readonly checks: readonly Check[];
  readonly policies: readonly Policy[];
}

export interface InstancesDeps {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: Memory;
  readonly report: Reporter;
  /** What operators laid on an instance. */
  readonly laidOn: (instance: Instance) => readonly Laid[];
  /** Something changed that may have to be written. */
  readonly touch: (record: InstanceRecord) => void;
}

/** The registry that instances belong to. */
export interface Home {
  readonly writer: string;
  readonly mode: WriteMode;
  /** The instance is gone: nothing of it is written any more. */
  forget(record: InstanceRecord): void;
}

export class Instances {
  readonly #deps: InstancesDeps;
  #measures: Measures;
  readonly #records = new Map<InstanceId, InstanceRecord>();
  readonly #byTarget = new Map<TargetId, InstanceRecord>();

  constructor(deps: InstancesDeps, measures: Measures) {
    this.#deps = deps;
    this.#measures = measures;
  }

  all(): Iterable<InstanceRecord> {
    return this.#records.values();
  }

  get(id: string): InstanceRecord | undefined {
    return this.#records.get(id as InstanceId);
  }

  ofTarget(id: TargetId): InstanceRecord | undefined {
    return this.#byTarget.get(id);
  }

  /** Instances of a registry came, changed or went. */
  enrol(home: Home, change: RosterChange): void {
    const now = this.#deps.clock.now();
    for (const instance of change.added) {
      const record = newRecord(instance, this.#rules(home, instance), this.#deps.laidOn(instance), now);
      this.#records.set(instance.id, record);
      this.#assign(record, new Map());
      this.remember(record);
    }
    for (const instance of change.changed) {
      const record = this.#records.get(instance.id);
      if (record === undefined) continue;
      const probed = !sameToProbes(record.instance, instance);
      record.instance = instance;
      this.#measure(home, record, probed);
    }
    for (const instance of change.removed) this.#depart(home, instance);
  }

  /** Other checks and policies from now on. A target whose check was not made anew keeps all that is known of it. */
  remeasure(measures: Measures, homeOf: (registry: string) => Home | undefined): ReloadChanges {
    const checksBefore = new Map(this.#measures.checks.map((check) => [check.name, check]));
    this.#measures = measures;
    const counts = { added: 0, removed: 0, changed: 0, kept: 0 };
    for (const record of this.#records.values()) {
      const home = homeOf(record.instance.registry);
      if (home === undefined) continue;
      const before = record.targets;
      this.#measure(home, record, true);
      for (const [id, { check }] of record.targets) {
        if (!before.has(id)) counts.added++;
        else if (checksBefore.get(check.name) === check) counts.kept++;
        else counts.changed++;
      }
      for (const id of before.keys()) if (!record.targets.has(id)) counts.removed++;
    }
    return counts;
  }

  /** Operators laid something on instances, or took it away. */
  relay(): void {
    for (const record of this.#records.values()) {
      const laid = this.#deps.laidOn(record.instance);
      if (laid.length === 0 && record.laid.length === 0) continue;
      record.laid = laid;
      this.refresh(record);
      this.#deps.touch(record);
    }
  }

  #measure(home: Home, record: InstanceRecord, retargeted: boolean): void {
    const { instance, targets: before } = record;
    const rules = this.#rules(home, instance);
    record.mode = rules.mode;
    record.maxUnavailable = rules.maxUnavailable;
    record.laid = this.#deps.laidOn(instance);
    if (retargeted) record.targets = retarget(instance, rules, this.#deps.clock.now(), before);
    this.#assign(record, retargeted ? before : record.targets);
  }

  #rules({ writer, mode }: Home, instance: Instance): RecordRules {
    const { checks, policies } = this.#measures;
    const { memory } = this.#deps;
    return { checks, writer, memory, ...rulingFor(policies, mode, instance) };
  }

  /** Tells engine and listeners of an instance's targets. */
  #assign(record: InstanceRecord, before: ReadonlyMap<TargetId, unknown>): void {
    const { instance, targets, mode } = record;
    const remove = [...before.keys()].filter((id) => !targets.has(id));
    this.#forgetTargets(remove);
    const list = [...targets.values()].map(({ target }) => target);
    for (const { id } of list) this.#byTarget.set(id, record);
    const written = lastWritten(record);
    this.#deps.report({ kind: 'instance', instance, targets: list, writeMode: mode, written });
    if (before !== targets) this.#deps.engine.tell({ kind: 'assign', add: list, remove });
    this.refresh(record);
    this.#deps.touch(record);
  }

  #depart(home: Home, instance: Instance): void {
    const record = this.#records.get(instance.id);
    if (record === undefined) return;
    const remove = [...record.targets.keys()];
    this.#forgetTargets(remove);
    this.#records.delete(instance.id);
    this.#deps.memory.remember(instanceKey(instance.id), undefined);
    home.forget(record);
    this.#deps.engine.tell({ kind: 'assign', add: [], remove });
    this.#deps.report({ kind: 'departed', instance: instance.id });
  }

  #forgetTargets(ids: readonly TargetId[]): void {
    for (const id of ids) {
      this.#byTarget.delete(id);
      this.#deps.memory.remember(targetKey(id), undefined);
    }
  }

  /** A look was judged. */
  observed({ observation, verdict, state, shadow }: Extract<FromEngine, { kind: 'observed' }>): void {
    const record = this.#byTarget.get(observation.target);
    const target = record?.targets.get(observation.target);
    if (record === undefined || target === undefined) return;
    const beside = shadow === undefined ? {} : { shadow: { verdict: shadow.verdict } };
    this.#deps.report({ kind: 'observed', observation, verdict, ...beside });
    const now = this.#deps.clock.now();
    target.lostSince = lostSince(target, observation);
    if (isFresh(observation)) target.freshAt = now;
    const { health, reason } = target.judged;
    if (verdict.health !== health) target.since = now;
    target.state = state;
    target.shadow = shadow?.state;
    target.numbers = verdict.numbers;
    this.#deps.memory.remember(targetKey(observation.target), {
      rule: target.check.rule.kind,
      health: verdict.health,
      reason: verdict.reason,
      since: target.since,
      freshAt: target.freshAt,
      state,
      ...savedShadow(target),
    } satisfies SavedTarget);
    if (verdict.health === health && verdict.reason === reason && !record.flags.includes('stale')) return;
    target.judged = { target: observation.target, health: verdict.health, reason: verdict.reason };
    this.refresh(record);
  }

  /** Health and flags anew; tells and writes what changed. */
  refresh(record: InstanceRecord): void {
    const now = this.#deps.clock.now();
    const before = record.health;
    const judged = [...record.targets.values()].map((target) => target.judged);
    const after = aggregate(judged, before.target);
    const flags = flagsOf(record, now);
    const changed = after.health !== before.health || after.reason !== before.reason;
    record.health = after;
    if (!changed && flags.join() === record.flags.join()) return;
    record.flags = flags;
    if (after.health !== before.health) record.since = now;
    const { instance, since } = record;
    this.#deps.report({
      kind: 'health',
      instance: instance.id,
      from: before.health,
      to: after.health,
      reason: after.reason,
      flags,
      since,
      target: after.target,
    });
    if (after.health !== before.health) this.#tellTransition(record, before.health);
    if (changed) this.#deps.touch(record);
    this.remember(record);
  }

  /** Keeps over a restart what cannot be seen again: since when, what was written, and what operators decided. */
  remember({ instance, since, write }: InstanceRecord): void {
    const { written = null, contestedAt = null, force } = write;
    const saved = { since, written, contestedAt, force } satisfies SavedInstance;
    this.#deps.memory.remember(instanceKey(instance.id), saved);
  }

  #tellTransition(record: InstanceRecord, from: string): void {
    const { registry, namespace, service, host, port, id } = record.instance;
    const { health, reason, target } = record.health;
    const numbers = target === null ? undefined : record.targets.get(target)?.numbers;
    const known = numbers === undefined ? {} : { numbers };
    const detail = `${namespace}/${service} ${host}:${port}`;
    this.#deps.report({
      kind: 'event',
      event: { kind: 'transition', subject: id, from, to: health, reason, detail, ...known },
    });
    const fields = { registry, namespace, service, instance: `${host}:${port}`, from, to: health, reason };
    this.#deps.log.info('Health changed', fields);
  }
}

/** What counted for nothing is no news of the target. */
function isFresh({ outcome, credible }: Observation): boolean {
  return outcome.kind === 'pass' || (outcome.kind === 'fail' && credible !== false);
}

/** Since when nobody reached it. A look that began before the last news of it tells nothing new. */
function lostSince({ lostSince: since, freshAt }: TargetRecord, { outcome, at, duration }: Observation) {
  if (outcome.kind === 'skip') return since;
  if (outcome.kind === 'pass' || outcome.reached) return null;
  return since ?? (at - duration >= freshAt ? at - duration : null);
}

function savedShadow({ check, shadow }: TargetRecord): Pick<SavedTarget, 'shadow'> {
  if (check.shadow === undefined || shadow === undefined) return {};
  return { shadow: { rule: check.shadow.rule.kind, state: shadow } };
}

/** Nothing changed but what sonde itself writes. */
function sameToProbes(a: Instance, b: Instance): boolean {
  const strip = ({ mark: _mark, revision: _revision, weight: _weight, ...rest }: Instance): object => rest;
  return JSON.stringify(strip(a)) === JSON.stringify(strip(b));
}
