/** Gauges, counters and lag per registry, for as long as it is configured. */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { RECEIPTS, type ReceiptKind } from '../core/registry.ts';
import type { RegistryView } from '../core/view.ts';
import { family, type MetricName } from './catalogue.ts';

const LAG_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class RegistrySeries {
  readonly #up: Gauge;
  readonly #age: Gauge;
  readonly #pending: Gauge;
  readonly #writes: Counter;
  readonly #lag: Histogram;
  readonly #known = new Set<string>();

  constructor(registry: Registry) {
    this.#up = new Gauge(options('sonde_registry_up', registry));
    this.#age = new Gauge(options('sonde_registry_snapshot_age_seconds', registry));
    this.#pending = new Gauge(options('sonde_writes_pending', registry));
    this.#writes = new Counter(options('sonde_writes_total', registry));
    this.#lag = new Histogram({ ...options('sonde_write_lag_seconds', registry), buckets: LAG_BUCKETS });
  }

  /** `lag` in milliseconds; only what was written has one. */
  count(registry: string, receipt: ReceiptKind, lag: number): void {
    this.#know(registry);
    this.#writes.inc({ registry, receipt });
    if (receipt === 'written') this.#lag.observe({ registry }, lag / 1_000);
  }

  /** Before a scrape: the present registries and no others. */
  refresh(views: readonly RegistryView[]): void {
    for (const gauge of [this.#up, this.#age, this.#pending]) gauge.reset();
    for (const { name, up, snapshotAge, pendingWrites } of views) {
      const labels = { registry: name };
      this.#know(name);
      this.#up.set(labels, Number(up));
      this.#pending.set(labels, pendingWrites);
      if (snapshotAge !== null) this.#age.set(labels, snapshotAge);
    }
    for (const registry of this.#known) {
      if (!views.some(({ name }) => name === registry)) this.#forget(registry);
    }
  }

  #know(registry: string): void {
    if (this.#known.has(registry)) return;
    this.#known.add(registry);
    for (const receipt of RECEIPTS) this.#writes.inc({ registry, receipt }, 0);
    this.#lag.zero({ registry });
  }

  #forget(registry: string): void {
    this.#known.delete(registry);
    for (const receipt of RECEIPTS) this.#writes.remove({ registry, receipt });
    this.#lag.remove({ registry });
  }
}

function options(name: MetricName, registry: Registry) {
  const { help, labels } = family(name);
  return { name, help, labelNames: labels, registers: [registry] };
}
