/** Counters and durations of looks per check, for as long as the check has targets. */

import { Counter, Histogram, type Registry } from 'prom-client';
import type { Observation } from '../core/observation.ts';
import type { Target, TargetId } from '../core/target.ts';
import { family } from './catalogue.ts';

interface CheckSeries {
  readonly check: string;
  readonly kind: string;
  targets: number;
  /** `outcome cause` that have a series. */
  readonly seen: Map<string, { readonly outcome: string; readonly cause: string }>;
}

const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class ProbeSeries {
  readonly #probes: Counter;
  readonly #durations: Histogram;
  readonly #disregarded: Counter;
  readonly #checks = new Map<string, CheckSeries>();
  readonly #byTarget = new Map<TargetId, CheckSeries>();
  readonly #kindOf: (check: string) => string;

  constructor(registry: Registry, kindOf: (check: string) => string) {
    this.#kindOf = kindOf;
    const to = { registers: [registry] };
    const probes = family('sonde_probes_total');
    this.#probes = new Counter({ name: probes.name, help: probes.help, labelNames: probes.labels, ...to });
    const durations = family('sonde_probe_duration_seconds');
    this.#durations = new Histogram({
      name: durations.name,
      help: durations.help,
      labelNames: durations.labels,
      buckets: DURATION_BUCKETS,
      ...to,
    });
    const { name, help, labels: labelNames } = family('sonde_disregarded_failures_total');
    this.#disregarded = new Counter({ name, help, labelNames, ...to });
  }

  add(target: Target): void {
    const check = target.check;
    const kind = this.#kindOf(check);
    const before = this.#byTarget.get(target.id);
    if (before?.kind === kind) return;
    if (before !== undefined) this.remove(target.id);
    const key = JSON.stringify([check, kind]);
    let series = this.#checks.get(key);
    if (series === undefined) {
      series = { check, kind, targets: 0, seen: new Map() };
      this.#checks.set(key, series);
      this.#count(series, 'pass', '', 0);
      this.#durations.zero({ check, kind });
      this.#disregarded.inc({ check, kind }, 0);
    }
    series.targets++;
    this.#byTarget.set(target.id, series);
  }

  remove(id: TargetId): void {
    const series = this.#byTarget.get(id);
    if (series === undefined) return;
    this.#byTarget.delete(id);
    series.targets--;
    if (series.targets > 0) return;
    const { check, kind, seen } = series;
    this.#checks.delete(JSON.stringify([check, kind]));
    for (const labels of seen.values()) this.#probes.remove({ check, kind, ...labels });
    this.#durations.remove({ check, kind });
    this.#disregarded.remove({ check, kind });
  }

  /** Counts looks of our own: evidence that came from elsewhere was counted there. */
  count({ target, occasion, outcome, duration, credible }: Observation): void {
    const series = this.#byTarget.get(target);
    if (series === undefined || occasion === 'external') return;
    this.#count(series, outcome.kind, outcome.kind === 'pass' ? '' : outcome.cause, 1);
    const { check, kind } = series;
    if (outcome.kind === 'fail' && credible === false) this.#disregarded.inc({ check, kind });
    if (outcome.kind !== 'skip') this.#durations.observe({ check, kind }, duration / 1_000);
  }

  #count({ check, kind, seen }: CheckSeries, outcome: string, cause: string, by: number): void {
    const key = `${outcome} ${cause}`;
    let labels = seen.get(key);
    if (labels === undefined) {
      labels = { outcome, cause };
      seen.set(key, labels);
    }
    this.#probes.inc({ check, kind, ...labels }, by);
  }
}
