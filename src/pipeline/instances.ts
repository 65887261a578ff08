/** The instances that are enrolled: their targets at the engine, their health from the verdicts, and who hears of it. */

import type { Check } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import type { Engine } from '../core/engine.ts';
import type { Instance, InstanceId } from '../core/instance.ts';
import type { Log } from '../core/log.ts';
import type { Observation } from '../core/observation.ts';
import type { Reporter } from '../core/report.ts';
import type { Verdict } from '../core/rule.ts';
import type { TargetId } from '../core/target.ts';
import type { WriteMode } from '../core/view.ts';
import { aggregate } from './aggregate.ts';
import { type Policy, rulingFor } from './policy.ts';
import { flagsOf, type InstanceRecord, newRecord, type RecordRules, retarget } from './record.ts';
import type { RosterChange } from './roster.ts';

export interface InstancesDeps {
  readonly checks: readonly Check[];
  readonly policies: readonly Policy[];
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Reporter;
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
  readonly #records = new Map<InstanceId, InstanceRecord>();
  readonly #byTarget = new Map<TargetId, InstanceRecord>();

  constructor(deps: InstancesDeps) {
    this.#deps = deps;
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
      const record = newRecord(instance, this.#rules(home, instance), now);
      this.#records.set(instance.id, record);
      this.#assign(record, new Map());
    }
    for (const instance of change.changed) {
      const record = this.#records.get(instance.id);
      if (record === undefined) continue;
      const rules = this.#rules(home, instance);
      const before = record.targets;
      const probed = !sameToProbes(record.instance, instance);
      record.instance = instance;
      record.mode = rules.mode;
      record.maxUnavailable = rules.maxUnavailable;
      if (probed) record.targets = retarget(instance, rules, now, before);
      this.#assign(record, probed ? before : record.targets);
    }
    for (const instance of change.removed) this.#depart(home, instance);
  }

  #rules({ writer, mode }: Home, instance: Instance): RecordRules {
    const { checks, policies } = this.#deps;
    return { checks, writer, ...rulingFor(policies, mode, instance) };
  }

  /** Tells engine and listeners of an instance's targets. */
  #assign(record: InstanceRecord, before: ReadonlyMap<TargetId, unknown>): void {
    const { instance, targets, mode } = record;
    const remove = [...before.keys()].filter((id) => !targets.has(id));
    for (const id of remove) this.#byTarget.delete(id);
    const list = [...targets.values()].map(({ target }) => target);
    for (const { id } of list) this.#byTarget.set(id, record);
    this.#deps.report({ kind: 'instance', instance, targets: list, writeMode: mode });
    if (before !== targets) this.#deps.engine.tell({ kind: 'assign', add: list, remove });
    this.refresh(record);
    this.#deps.touch(record);
  }

  #depart(home: Home, instance: Instance): void {
    const record = this.#records.get(instance.id);
    if (record === undefined) return;
    const remove = [...record.targets.keys()];
    for (const id of remove) this.#byTarget.delete(id);
    this.#records.delete(instance.id);
    home.forget(record);
    this.#deps.engine.tell({ kind: 'assign', add: [], remove });
    this.#deps.report({ kind: 'departed', instance: instance.id });
  }

  /** A look was judged. */
  observed(observation: Observation, verdict: Verdict): void {
    const record = this.#byTarget.get(observation.target);
    const target = record?.targets.get(observation.target);
    if (record === undefined || target === undefined) return;
    this.#deps.report({ kind: 'observed', observation, verdict });
    if (observation.outcome.kind !== 'skip') target.freshAt = this.#deps.clock.now();
    const { health, reason } = target.judged;
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
  }

  #tellTransition(record: InstanceRecord, from: string): void {
    const { registry, namespace, service, host, port, id } = record.instance;
    const { health, reason } = record.health;
    const detail = `${namespace}/${service} ${host}:${port}`;
    this.#deps.report({
      kind: 'event',
      event: { kind: 'transition', subject: id, from, to: health, reason, detail },
    });
    const fields = { registry, namespace, service, instance: `${host}:${port}`, from, to: health, reason };
    this.#deps.log.info('Health changed', fields);
  }
}

/** Nothing changed but what sonde itself writes. */
function sameToProbes(a: Instance, b: Instance): boolean {
  const strip = ({ mark: _mark, revision: _revision, weight: _weight, ...rest }: Instance): object => rest;
  return JSON.stringify(strip(a)) === JSON.stringify(strip(b));
}
