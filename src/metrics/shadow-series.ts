/** Where shadow rules judge otherwise than the rules in force, per check, for as long as the check has targets. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Health } from '../core/health.ts';
import type { Target, TargetId } from '../core/target.ts';
import { family, type MetricName } from './catalogue.ts';

interface Judged {
  readonly check: string;
  health: Health;
  /** Undefined before its shadow rule was first heard. */
  shadow: Health | undefined;
}

export class ShadowSeries {
  readonly #disagreements: Counter;
  readonly #transitions: Counter;
  readonly #disagreeing: Gauge;
  readonly #targets = new Map<TargetId, Judged>();
  /** Targets of each check, and what has a series. */
  readonly #checks = new Map<string, { targets: number; readonly seen: Map<string, () => void> }>();

  constructor(registry: Registry) {
    this.#disagreements = new Counter(options('sonde_shadow_disagreements_total', registry));
    this.#transitions = new Counter(options('sonde_shadow_transitions_total', registry));
    this.#disagreeing = new Gauge(options('sonde_shadow_disagreeing_targets', registry));
  }

  add({ id, check, seed }: Target): void {
    if (this.#targets.has(id)) return;
    this.#targets.set(id, { check, health: seed.health, shadow: undefined });
    const known = this.#checks.get(check) ?? { targets: 0, seen: new Map() };
    known.targets++;
    this.#checks.set(check, known);
  }

  remove(id: TargetId): void {
    const target = this.#targets.get(id);
    const known = target === undefined ? undefined : this.#checks.get(target.check);
    if (target === undefined || known === undefined) return;
    this.#targets.delete(id);
    known.targets--;
    if (disagree(target)) this.#disagreeing.dec({ check: target.check });
    if (known.targets > 0) return;
    this.#checks.delete(target.check);
    for (const forget of known.seen.values()) forget();
    this.#disagreeing.remove({ check: target.check });
  }

  /** Both judged one look; `shadow` undefined where there is no shadow rule. */
  judged(id: TargetId, health: Health, shadow: Health | undefined): void {
    const target = this.#targets.get(id);
    if (target === undefined || (shadow === undefined && target.shadow === undefined)) return;
    const { check, shadow: before } = target;
    const differed = disagree(target);
    const same = target.health === health && before === shadow;
    target.health = health;
    target.shadow = shadow;
    if (before === undefined) this.#disagreeing.inc({ check }, 0);
    if (same || shadow === undefined) return;
    if (before !== undefined && before !== shadow)
      this.#count(this.#transitions, check, { check, from: before, to: shadow });
    const differs = disagree(target);
    if (differs !== differed) this.#disagreeing.inc({ check }, differs ? 1 : -1);
    if (differs) this.#count(this.#disagreements, check, { check, health, shadow });
  }

  #count(counter: Counter, check: string, labels: Readonly<Record<string, string>>): void {
    counter.inc(labels);
    const seen = this.#checks.get(check)?.seen;
    const key = JSON.stringify(labels);
    if (seen?.has(key) === false) seen.set(key, () => counter.remove(labels));
  }
}

/** Before there is evidence for either, they do not differ. */
function disagree({ health, shadow }: Judged): boolean {
  return shadow !== undefined && shadow !== health;
}

function options(name: MetricName, registry: Registry) {
  const { help, labels } = family(name);
  return { name, help, labelNames: labels, registers: [registry] };
}
