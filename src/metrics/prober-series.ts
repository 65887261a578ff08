/** What the prober says of itself: its doubt, its anchors, and the looks beside the schedule. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { EngineNumbers } from '../core/engine.ts';
import type { LocalHealthView } from '../core/view.ts';
import { family, type MetricName } from './catalogue.ts';

export class ProberSeries {
  readonly #localHealth: Gauge;
  readonly #quarantined: Gauge;
  readonly #suspectsSelf: Gauge;
  readonly #anchors: Gauge;
  readonly #extraLooks: Counter;
  readonly #waiting: Gauge;
  readonly #loss: Gauge;
  #extraBefore = 0;

  constructor(registry: Registry) {
    this.#localHealth = new Gauge(options('sonde_local_health', registry));
    this.#quarantined = new Gauge(options('sonde_quarantined', registry));
    this.#suspectsSelf = new Gauge(options('sonde_suspects_self', registry));
    this.#anchors = new Gauge(options('sonde_anchor_up', registry));
    this.#extraLooks = new Counter(options('sonde_extra_looks_total', registry));
    this.#loss = new Gauge(options('sonde_background_loss_ratio', registry));
    this.#waiting = new Gauge(options('sonde_extra_looks_waiting', registry));
  }

  /** Before a scrape. */
  refresh({ score, quarantinedUntil, suspectsSelf, anchors }: LocalHealthView): void {
    this.#localHealth.set(score);
    this.#quarantined.set(Number(quarantinedUntil !== null));
    this.#suspectsSelf.set(Number(suspectsSelf));
    this.#anchors.reset();
    for (const { anchor, reached } of anchors)
      if (reached !== null) this.#anchors.set({ anchor }, Number(reached));
  }

  numbers({ extraLooks, extraLooksWaiting, backgroundLoss }: EngineNumbers): void {
    // An engine that began anew counts from 0 again.
    const more = extraLooks - this.#extraBefore;
    this.#extraLooks.inc(more < 0 ? extraLooks : more);
    this.#extraBefore = extraLooks;
    this.#waiting.set(extraLooksWaiting);
    this.#loss.set(backgroundLoss);
  }
}

function options(name: MetricName, registry: Registry) {
  const { help, labels } = family(name);
  return { name, help, labelNames: labels, registers: [registry] };
}
